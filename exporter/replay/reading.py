"""Past load from the metadata database: learned from before a moment, replayed after it."""

from __future__ import annotations

from collections.abc import Callable

from exporter.errors import ConfigError
from exporter.history.extent import Extent
from exporter.history.reader import History
from exporter.insight.replay.learning import MAX_ARRIVALS, Learning, ScheduledRun
from exporter.model import RunRow
from exporter.quantities import clock


def learned(
    history: History,
    extent: Extent,
    wave_seconds: float,
    progress: Callable[[float], None],
) -> Learning:
    """Read the tries that Celery's workers ran; raise SourceUnavailableError or ConfigError."""
    learning = Learning(extent.split.timestamp(), extent.end.timestamp(), wave_seconds)
    for page in history.pages_of_runs(extent.begin, progress):
        runs = [run for run in map(_scheduled, page) if run is not None]
        learning.add(runs, history.tries_of_workers(page))
        if learning.too_many:
            asked = clock(extent.asked_later.total_seconds())
            message = f"--since: more than {MAX_ARRIVALS:,} tries in {asked}: replay a shorter time"
            raise ConfigError(message)
    return learning


def _scheduled(run: RunRow) -> ScheduledRun | None:
    if run.start is None:
        return None
    scheduled = run.run_type == "scheduled" and run.clear_number == 0 and run.due is not None
    due = run.due.timestamp() if scheduled and run.due else None
    return ScheduledRun(run.dag_id, run.run_id, due, run.start.timestamp())
