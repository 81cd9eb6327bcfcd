"""The regular expressions that Prometheus and Python understand alike: a part of RE2's.

Prometheus has RE2 (github.com/google/re2/wiki/Syntax), which knows no looking around, no back
references and no possessive or atomic matching, and repeats a part, with the parts within it, no
more than 1,000 times. What is let through both take; docs/baselines.md has the list.
"""

from __future__ import annotations

import re
from typing import Final

from exporter.values import pattern

MAX_CHARACTERS: Final = 500
MAX_REPEATS: Final = 1000
_MEANING: Final = re.DOTALL | re.ASCII
"""What `.`, `\\d`, `\\w`, `\\s` and `\\b` mean to Prometheus."""
_KIND: Final = r"\\[dDwWsS]"
_ESCAPED: Final = r"\\[ -/:-@\[-`{-~]"
# Python warns that [ & | ~ in a set may become operators.
_IN_SET: Final = rf"(?:[^\\\[\]^&|~-]|{_ESCAPED})"
_SET: Final = rf"\[\^?-?(?:{_IN_SET}-{_IN_SET}|{_IN_SET}|{_KIND})+-?\]"
_COUNT: Final = r"\{(?P<least>0|[1-9][0-9]{0,3})(?:,(?P<most>[1-9][0-9]{0,3})?)?\}"
_TOKEN: Final = re.compile(
    rf"(?P<atom>[^\\.\[\]{{}}()*+?|^$]|\.|{_KIND}|{_ESCAPED}|{_SET})"
    r"|(?P<open>\((?:\?:)?)|(?P<close>\))|(?P<between>[\^$|]|\\[bB])"
    rf"|(?P<repeat>(?:[*+?]|{_COUNT})\??)"
)
_REPEATABLE: Final = frozenset({"atom", "close"})


def compiled(text: str) -> re.Pattern[str]:
    """Return the expression, with Prometheus' meaning; raise ValueError with what is allowed."""
    if len(text) > MAX_CHARACTERS or not text.isprintable():
        message = f"a regular expression of at most {MAX_CHARACTERS} characters that can be seen"
        raise ValueError(message)
    before, position, repeats = None, 0, 1
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or (token.lastgroup == "repeat" and before not in _REPEATABLE):
            message = (
                "a regular expression that Prometheus and Python read alike: what begins at "
                f"character {position + 1} is not"
            )
            raise ValueError(message)
        repeats *= max(1, int(token["most"] or token["least"] or 1))
        before, position = token.lastgroup, token.end()
    if repeats > MAX_REPEATS:
        message = f"a regular expression whose counts come to at most {MAX_REPEATS} together"
        raise ValueError(message)
    return re.compile(pattern(text).pattern, _MEANING)
