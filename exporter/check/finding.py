"""What `check` finds: one prerequisite a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One prerequisite: how it is, and what to do about it."""

    subject: str
    is_bad: bool
    text: str
    fix: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        """Return the line that is printed."""
        verdict = "FAIL" if self.is_bad else "warn" if self.is_warning else "ok  "
        return f"{verdict} {self.subject}: {self.text}{f' - {self.fix}' if self.fix else ''}"
