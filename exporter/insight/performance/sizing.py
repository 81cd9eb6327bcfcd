"""How much memory a task should be given: its 99th percentile and a fifth more."""

from __future__ import annotations

import math
from typing import Final

FEWEST: Final = 10
"""Tries without which nothing is advised."""
HEADROOM: Final = 1.2
STEP_BYTES: Final = 128 * 2**20


def advised_bytes(p99_bytes: float, tries: float) -> int | None:
    """Return a memory limit in steps of 128 MiB; None where too few tries were seen."""
    if tries < FEWEST or not 0 < p99_bytes < math.inf:
        return None
    return math.ceil(p99_bytes * HEADROOM / STEP_BYTES) * STEP_BYTES
