"""One pass over the past, and what can be read beside it; the rest is told as missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from exporter.collectors.airflow.facts import alive
from exporter.errors import SourceUnavailableError
from exporter.filters import DagFilter
from exporter.history.extent import Extent
from exporter.history.reader import History
from exporter.insight.performance.active_tasks import ActiveTasks
from exporter.insight.performance.findings import Kind, Limits, regressions
from exporter.insight.performance.past import PastRun, PastTry
from exporter.insight.performance.runs import Span, Upstreams
from exporter.insight.performance.settings import of_settings
from exporter.insight.performance.tally import Periods, Tally, widened
from exporter.model import RUN_FINISHED_STATES, RunRow
from exporter.quantities import clock
from exporter.report.configuration import Configuration
from exporter.report.document import Missing
from exporter.report.figures import Figures, Metrics

T = TypeVar("T")
Progress = Callable[[float, int], None]
"""Is told which share is done, and how many tries were read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for."""

    since: timedelta
    compare: timedelta
    dags: DagFilter = DagFilter()  # noqa: RUF009 - frozen


def gathered(
    history: History,
    wanted: Wanted,
    configuration: Configuration,
    metrics: Callable[[timedelta], Metrics],
    progress: Progress,
) -> Figures:
    """Read everything once; raise SourceUnavailableError where the tries cannot be read."""
    extent = history.extent(wanted.compare, wanted.since)
    missing = [*_not_kept(extent)]
    told = _Told(missing)
    limits = told.of("pools and schedulers", lambda: _limits(history, configuration), Limits())
    periods = _periods(extent)
    tally = Tally(periods)
    active = ActiveTasks(periods, limits.tasks, of_each_run=history.limits_tasks_of_each_run)
    pages = _pages(history, tally, wanted.dags, progress)
    _take_in(tally, active, history, pages, _Edges(history, missing))
    missing += _left_out(history, tally, active)
    return Figures(
        extent, tally, active, regressions(tally), limits,
        metrics=told.of(
            "baselines, memory and rows", lambda: metrics(extent.later), Metrics(), Kind.BASELINE,
            Kind.MEMORY,
        ),
        settings=[*of_settings(configuration.values.keys(), history.schema.version)],
        tables=told.of("table sizes", history.tables, [], Kind.DATABASE),
        statements=told.of("slow statements", history.slow_statements, []),
        missing=missing,
    )  # fmt: skip


class _Told:
    """Reads what may be missing, and says so."""

    def __init__(self, missing: list[Missing]) -> None:
        self._missing = missing

    def of(self, what: str, reading: Callable[[], T], otherwise: T, *kinds: Kind) -> T:
        try:
            return reading()
        except SourceUnavailableError as error:
            self._missing.append(Missing(what, str(error), frozenset(kinds)))
            return otherwise


def _not_kept(extent: Extent) -> Iterator[Missing]:
    """Tell what of the time that was asked for the database does not hold."""
    later, earlier = clock(extent.later.total_seconds()), clock(extent.earlier.total_seconds())
    if extent.is_later_cut:
        told = f"{later} of the {clock(extent.asked_later.total_seconds())} asked for"
        why = f"{told}, and nothing to compare with"
    elif extent.is_earlier_cut:
        why = f"{earlier} to compare with, {clock(extent.asked_earlier.total_seconds())} asked for"
    else:
        return
    what = f"the time before {extent.begin:%Y-%m-%d %H:%M} UTC"
    yield Missing(what, f"the database begins there: {why}")


def _periods(extent: Extent) -> Periods:
    moments = (extent.begin, extent.split, extent.end)
    return Periods(*(each.timestamp() for each in moments))


def _pages(
    history: History, tally: Tally, dags: DagFilter, progress: Progress
) -> Iterator[list[RunRow]]:
    begin = datetime.fromtimestamp(tally.periods.begin, timezone.utc)
    pages = history.pages_of_runs(
        begin, lambda share: progress(share, tally.tries + tally.tries_before)
    )
    for page in pages:
        yield [run for run in page if dags.wants(run.dag_id)]


def _take_in(
    tally: Tally,
    active: ActiveTasks,
    history: History,
    pages: Iterable[list[RunRow]],
    edges: _Edges,
) -> None:
    for runs in pages:
        spans = _tries(tally, active, history.finished_tries(runs))
        ended = [each for each in map(_past_run, runs) if each is not None]
        upstreams = edges.of(run.dag_id for run in ended if run.end >= tally.periods.split)
        for run in ended:
            tally.add_run(run, spans.get((run.dag_id, run.run_id), {}), upstreams.get(run.dag_id))
    active.end()


def _tries(
    tally: Tally, active: ActiveTasks, tries: Iterable[PastTry]
) -> dict[tuple[str, str], dict[str, Span]]:
    """Take in the tries of a page, and return when the tasks of each run began and ended.

    What a task lost by failing is no part of its span: only its last try counts.
    """
    spans: dict[tuple[str, str], dict[str, Span]] = defaultdict(dict)
    for each in tries:
        tally.add_try(each)
        active.add(each)
        if each.outcome != "up_for_retry":
            tasks = spans[each.dag_id, each.run_id]
            tasks[each.task_id] = widened(tasks.get(each.task_id), each)
    active.end_page()
    return spans


def _left_out(history: History, tally: Tally, active: ActiveTasks) -> Iterator[Missing]:
    if tally.untold_tasks:
        yield Missing("some tasks", "there are more than are told apart; totals hold them")
    if active.has_untold:
        yield Missing("max_active_tasks of some DAGs", "there are more than are told apart")
    if not history.schema.has("dag", "max_active_tasks"):
        yield Missing(
            "max_active_tasks of DAGs", "dag.max_active_tasks is missing or not granted",
            frozenset({Kind.SATURATION}),
        )  # fmt: skip


def _past_run(run: RunRow) -> PastRun | None:
    if run.state not in RUN_FINISHED_STATES or run.start is None or run.end is None:
        return None
    # A cleared run starts again, long after it was due.
    scheduled = run.run_type == "scheduled" and run.clear_number == 0 and run.due is not None
    due = run.due.timestamp() if scheduled and run.due else None
    start, end = run.start.timestamp(), run.end.timestamp()
    return PastRun(run.dag_id, run.run_id, run.state, start, end, due)


class _Edges:
    """The dependencies within DAGs, asked for once each; without a grant, never again."""

    def __init__(self, history: History, missing: list[Missing]) -> None:
        self._history = history
        self._missing = missing
        self._known: dict[str, Upstreams] = {}
        self._asked: set[str] = set()
        self._readable = True

    def of(self, dag_ids: Iterable[str]) -> Mapping[str, Upstreams]:
        new = {*dag_ids} - self._asked
        if new and self._readable:
            self._asked |= new
            self._ask(sorted(new))
        return self._known

    def _ask(self, dag_ids: Collection[str]) -> None:
        try:
            self._known |= self._history.edges([*dag_ids])
        except SourceUnavailableError as error:
            self._readable = False
            gap = Missing("critical paths", str(error), frozenset({Kind.PARALLELISM}))
            self._missing.append(gap)


def _limits(history: History, configuration: Configuration) -> Limits:
    facts = history.facts()
    pools = {pool.pool: pool.slots for pool in facts.pools or ()}
    parallelism = configuration.number("core", "parallelism")
    if parallelism is not None and facts.jobs is not None:
        # Since Airflow 2 it is what each scheduler starts.
        parallelism *= max(1, len(alive(facts.jobs, "scheduler", facts.now)))
    dags = facts.dags or ()
    runs = {dag.dag_id: dag.max_active_runs for dag in dags if dag.max_active_runs}
    tasks = {dag.dag_id: dag.max_active_tasks for dag in dags if dag.max_active_tasks}
    return Limits(pools, parallelism, runs, tasks)
