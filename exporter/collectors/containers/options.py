"""What the user may set about the containers collector."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may set; times in seconds."""

    details_interval_seconds: float = 15.0
