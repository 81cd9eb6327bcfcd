"""Past load from the metadata database: learned from before a moment, replayed after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from exporter.errors import ConfigError
from exporter.history.reader import History
from exporter.insight.replay.learning import MAX_ARRIVALS, Learning, ScheduledRun
from exporter.model import RunRow


def learned(
    history: History,
    split: datetime,
    learn: timedelta,
    wave_seconds: float,
    progress: Callable[[float], None],
) -> Learning:
    """Read the tries that Celery's workers ran; raise SourceUnavailableError or ConfigError."""
    learning = Learning(split.timestamp(), history.now.timestamp(), wave_seconds)
    for page in history.pages_of_runs(split - learn, progress):
        runs = [run for run in map(_scheduled, page) if run is not None]
        learning.add(runs, history.tries_of_workers(page))
        if learning.too_many:
            message = f"more than {MAX_ARRIVALS:,} tries: replay a shorter time by --since"
            raise ConfigError(message)
    return learning


def _scheduled(run: RunRow) -> ScheduledRun | None:
    if run.start is None:
        return None
    scheduled = run.run_type == "scheduled" and run.clear_number == 0 and run.due is not None
    due = run.due.timestamp() if scheduled and run.due else None
    return ScheduledRun(run.dag_id, run.run_id, due, run.start.timestamp())
