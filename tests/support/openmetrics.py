"""Exemplars of an OpenMetrics text.

prometheus_client's parser stumbles over a quote in an exemplar's label, which the specification
allows; so they are taken out before it reads the rest.
"""

from __future__ import annotations

import re

_START = ' # {run_id="'
_END = re.compile(r'((?:[^"\\]|\\.)*)"\} (\S+) (\S+)')
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def without_exemplars(text: str) -> tuple[str, list[tuple[str, float, float]]]:
    """Return the text without exemplars; and run id, value and Unix seconds of each."""
    lines, found = [], []
    for line in text.split("\n"):
        # Within a label value the quote would be escaped, and this would not be found.
        sample, start, exemplar = line.rpartition(_START)
        if start:
            run_id, value, wall = _END.fullmatch(exemplar).groups()  # type: ignore[union-attr]
            told = re.sub(r"\\.", lambda it: _UNESCAPED[it.group()], run_id)
            found.append((told, float(value), float(wall)))
        lines.append(sample if start else line)
    return "\n".join(lines), found
