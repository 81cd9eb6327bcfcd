"""One pass over the past, and what can be read beside it; the rest is told as missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from exporter.collectors.airflow.facts import alive
from exporter.errors import SourceUnavailableError
from exporter.filters import DagFilter
from exporter.history.extent import Extent
from exporter.history.reader import History
from exporter.insight.performance.active_tasks import ActiveTasks
from exporter.insight.performance.findings import Limits, regressions
from exporter.insight.performance.kind import Kind
from exporter.insight.performance.past import PastRun, PastTry
from exporter.insight.performance.runs import Span, Upstreams
from exporter.insight.performance.settings import of_settings
from exporter.insight.performance.tally import Periods, Tally, widened
from exporter.model import RUN_FINISHED_STATES, RunRow
from exporter.report.configuration import Configuration
from exporter.report.document import Missing
from exporter.report.figures import Figures, Metrics
from exporter.report.gaps import Told, left_out, not_kept, not_there, silent, unknown_limits

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
    missing = [*not_kept(extent)]
    told = Told(missing)
    limits = _limits(history, configuration, told)
    periods = _periods(extent)
    tally = Tally(periods)
    active = ActiveTasks(periods, limits.tasks, of_each_run=history.limits_tasks_of_each_run)
    pages = _pages(history, tally, wanted.dags, progress)
    edges = _Edges(history, missing)
    _take_in(tally, active, history, pages, edges)
    missing += [*edges.unread(), *left_out(tally, active), *not_there(history, configuration)]
    asked = told.of(
        "baselines, memory and rows", lambda: metrics(extent.later), None, Kind.BASELINE,
        Kind.MEMORY,
    )  # fmt: skip
    missing += [] if asked is None else silent(asked)
    return Figures(
        extent, tally, active, regressions(tally), limits, asked or Metrics(),
        settings=[*of_settings(configuration.values.keys(), history.schema.version)],
        tables=told.of("table sizes", history.tables, [], Kind.DATABASE),
        statements=told.of("slow statements", history.slow_statements, []),
        missing=missing,
    )  # fmt: skip


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

    def unread(self) -> Iterator[Missing]:
        """Tell of the DAGs whose dependencies are not in what can be read."""
        if self._readable and (unknown := len(self._asked - self._known.keys())):
            yield Missing(
                f"critical paths of {unknown:,} DAG{'s' * (unknown > 1)}",
                "serialized_dag does not tell their tasks: they are gone, or [core] "
                "compress_serialized_dags is set",
                # A DAG that is gone must not keep a gate shut.
                frozenset() if self._known else frozenset({Kind.PARALLELISM}),
            )


def _limits(history: History, configuration: Configuration, told: Told) -> Limits:
    facts = told.of("pools, DAGs and schedulers", history.facts, None, Kind.SATURATION)
    if facts is None:
        return Limits()
    parallelism = configuration.number("core", "parallelism")
    told.missing += unknown_limits(history, facts, parallelism)
    if parallelism is not None and facts.jobs is not None:
        # Since Airflow 2 it is what each scheduler starts.
        parallelism *= max(1, len(alive(facts.jobs, "scheduler", facts.now)))
    else:
        parallelism = None
    dags = facts.dags or ()
    return Limits(
        None if facts.pools is None else {pool.pool: pool.slots for pool in facts.pools},
        parallelism,
        runs={dag.dag_id: dag.max_active_runs for dag in dags if dag.max_active_runs},
        tasks={dag.dag_id: dag.max_active_tasks for dag in dags if dag.max_active_tasks},
    )
