"""The truth table: every try that a task instance really made, booked by the writers themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Try:
    """One try that really began; unfinished while `outcome` is None."""

    start: datetime
    """As the row has it; a reschedule sensor's moves with every poke."""
    outcome: str | None = None
    """success, failed, skipped, or up_for_retry where another try was to follow."""
    seconds: float = 0.0
    """The duration that Airflow stored."""
    before_first_look: bool = False
    """Ended before the exporter looked for the first time: nobody's to count."""
    ended_at: float = 0.0
    """Monotonic seconds by when its end was committed."""
    archived_at: float | None = None
    """Monotonic seconds before which a final failure was not yet moved to the history."""

    @property
    def expected(self) -> bool:
        """Tell whether the exporter must have counted it."""
        return self.outcome is not None and not self.before_first_look


Group = tuple[str, str, str]
"""dag_id, task_id, operator_type: the labels of the duration histogram."""
