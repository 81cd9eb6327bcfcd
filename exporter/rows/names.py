"""Names of pipelines and stages: they become labels, and people must be able to tell them apart."""

from __future__ import annotations

import re
from typing import Final

from exporter.catalogue import OTHER

MAX_NAME: Final = 200
"""Longest pipeline or stage, in characters."""
# Marks and letters that nobody sees; what else is invisible or turns text around, such as
# zero-width spaces and bidirectional controls, Python knows to be not printable.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
ALLOWED: Final = f"1 to {MAX_NAME} characters that can be seen, and not {OTHER}"


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a pipeline or a stage."""
    return (
        0 < len(text) <= MAX_NAME
        and text == text.strip()
        and text.isprintable()
        and not _UNSEEN.search(text)
        # What the store calls the children of a family that is full.
        and text != OTHER
    )
