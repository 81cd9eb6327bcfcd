"""The tables of a report, from the figures that were gathered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum

from exporter.insight.baselines.baseline import Status
from exporter.insight.performance.findings import Memory, crowding, serialized_tasks
from exporter.insight.performance.occupancy import FULL, share_at_least
from exporter.insight.performance.quantiles import Sample
from exporter.report.document import Column, Section, Unit, Value
from exporter.report.figures import Figures

_TASK = (Column("dag_id", "DAG"), Column("task_id", "task"))
_P95 = Column("p95_seconds", "p95", Unit.SECONDS)
_TOTAL = Column("total_seconds", "total", Unit.SECONDS)

Row = tuple[Value, ...]


def sections(figures: Figures, most: int) -> list[Section]:
    """Return the tables in the order in which they are read; at most so many rows in each."""
    made = (
        _baselines(figures), _regressions(figures), _slowest(figures), _waits(figures),
        _delays(figures), _waste(figures), _memory(figures), _rows(figures), _pools(figures),
        _active_tasks(figures), _dags(figures), _tables(figures), _statements(figures),
    )  # fmt: skip
    return [
        Section(key, title, columns, rows[:most], len(rows), note)
        for key, title, columns, rows, note in made
        if rows
    ]


_Made = tuple[str, str, Sequence[Column], list[Row], str]


def _baselines(figures: Figures) -> _Made:
    columns = (
        Column("name", "of"), Column("metric", "metric"), Column("status", "status"),
        Column("actual", "actual", Unit.RATIO), Column("limit", "limit", Unit.RATIO),
        Column("unit", "unit"), Column("headroom_ratio", "headroom", Unit.SHARE),
    )  # fmt: skip
    rows: list[Row] = [
        (
            f"{each.baseline.key.scope.value} {each.baseline.key.name}", each.baseline.key.metric,
            each.status.value, each.actual, each.baseline.limit, each.baseline.unit,
            each.headroom_ratio,
        )
        for each in sorted(figures.metrics.judgements, key=lambda each: each.status is Status.OK)
        if each.actual is not None
    ]  # fmt: skip
    return "baselines", "Baselines", columns, rows, ""


def _regressions(figures: Figures) -> _Made:
    columns = (
        *_TASK, Column("verdict", "verdict"), Column("before_seconds", "before", Unit.SECONDS),
        Column("now_seconds", "now", Unit.SECONDS), Column("ratio", "ratio", Unit.RATIO),
        Column("p_value", "p-value", Unit.CHANCE),
        Column("tries_before", "tries before", Unit.COUNT), Column("tries", "tries", Unit.COUNT),
    )  # fmt: skip
    rows: list[Row] = [
        (
            *each.task, each.verdict, each.change.before, each.change.now,
            each.change.ratio if each.change.before else None, each.change.p_value,
            each.tries_before, each.tries,
        )
        for each in figures.regressions
    ]  # fmt: skip
    note = (
        "Medians of successful tries. Confirmed: more than 1.3 times as long, and p < 0.01 by the "
        "Mann-Whitney test, less where many tasks are compared."
    )
    return "regressions", "Slower than before", columns, rows, note


def _slowest(figures: Figures) -> _Made:
    tally = figures.tally
    columns = (
        *_TASK, Column("tries", "tries", Unit.COUNT), _TOTAL, Column("share", "share", Unit.SHARE),
        Column("median_seconds", "median", Unit.SECONDS), _P95,
        Column("longest_seconds", "longest", Unit.SECONDS),
    )  # fmt: skip
    ordered = sorted(tally.tasks.items(), key=lambda each: (-each[1].seconds, each[0]))
    rows: list[Row] = [
        (
            *task, totals.tries, totals.seconds, totals.seconds / tally.seconds,
            _quantile(totals.now, 0.5), _quantile(totals.now, 0.95),
            totals.now.largest if totals.now.count else None,
        )
        for task, totals in ordered
        if totals.seconds > 0
    ]  # fmt: skip
    note = (
        "The total is of all tries, the share of all task time; median and p95 are of successful "
        "tries."
    )
    return "slowest", "Where the time goes", columns, rows, note


def _waits(figures: Figures) -> _Made:
    columns = (
        Column("queue", "queue"), Column("pool", "pool"), Column("tries", "tries", Unit.COUNT),
        Column("median_seconds", "median", Unit.SECONDS), _P95,
        Column("longest_seconds", "longest", Unit.SECONDS), _TOTAL,
    )  # fmt: skip
    waits = figures.tally.queue_waits.items()
    rows: list[Row] = [
        (queue, pool, *_spread(found))
        for (queue, pool), found in sorted(waits, key=lambda each: (-each[1].total, each[0]))
    ]
    scheduled = figures.tally.scheduled_waits
    if scheduled.count:
        rows.append(("(scheduled to queued)", "all", *_spread(scheduled)))
    note = "From queued to started; deferred and rescheduled tries are left out."
    return "queue_waits", "Queue waits", columns, rows, note


def _delays(figures: Figures) -> _Made:
    columns = (
        Column("dag_id", "DAG"), Column("runs", "runs", Unit.COUNT),
        Column("median_seconds", "median", Unit.SECONDS), _P95,
        Column("longest_seconds", "longest", Unit.SECONDS), _TOTAL,
        Column("max_active_runs", "max_active_runs", Unit.COUNT),
        Column("full_share", "at limit", Unit.SHARE),
    )  # fmt: skip
    tally, limits = figures.tally, figures.limits.runs
    delays = sorted(tally.start_delays.items(), key=lambda each: (-each[1].quantile(0.95), each[0]))
    rows: list[Row] = [
        (dag_id, *_spread(found), limits.get(dag_id), crowding(tally, dag_id, limits.get(dag_id)))
        for dag_id, found in delays
    ]
    note = "From due to started. At limit: the share of the period with max_active_runs runs."
    return "start_delays", "Start delay of scheduled runs", columns, rows, note


def _waste(figures: Figures) -> _Made:
    tally = figures.tally
    columns = (
        *_TASK, Column("failed_tries", "failed", Unit.COUNT),
        Column("retried_tries", "retried", Unit.COUNT),
        Column("tries", "tries", Unit.COUNT), Column("failed_seconds", "lost", Unit.SECONDS),
        Column("share", "share", Unit.SHARE),
    )  # fmt: skip
    lost = sorted(tally.tasks.items(), key=lambda each: (-each[1].failed_seconds, each[0]))
    rows: list[Row] = [
        (
            *task, totals.failed_tries, totals.retried_tries, totals.tries, totals.failed_seconds,
            totals.failed_seconds / tally.seconds if tally.seconds else 0.0,
        )
        for task, totals in lost
        if totals.failed_tries
    ]  # fmt: skip
    return "waste", "Time lost to failed tries", columns, rows, ""


def _memory(figures: Figures) -> _Made:
    columns = (
        *_TASK, Column("p99_bytes", "peak p99", Unit.BYTES), Column("tries", "tries", Unit.COUNT),
        Column("limit_bytes", "limit", Unit.BYTES), Column("advised_bytes", "advised", Unit.BYTES),
        Column("freed_bytes", "freed", Unit.BYTES), Column("oom_kills", "OOM kills", Unit.COUNT),
    )  # fmt: skip
    rows: list[Row] = [
        (*each.task, each.p99_bytes, each.tries, each.limit_bytes, each.advised_bytes,
         _freed(each), each.oom_kills)
        for each in figures.metrics.memory
    ]  # fmt: skip
    note = (
        "Advised: p99 of the tries' peaks and a fifth more, in steps of 128 MiB, from 10 tries on. "
        "Peaks come from a histogram in powers of two, so they may be told too high."
    )
    return "memory", "Memory", columns, rows, note


def _freed(memory: Memory) -> float | None:
    if memory.limit_bytes is None or memory.advised_bytes is None:
        return None
    return max(0.0, memory.limit_bytes - memory.advised_bytes)


def _rows(figures: Figures) -> _Made:
    columns = (
        Column("pipeline", "pipeline"), Column("stage", "stage"),
        Column("rows_before", "rows before", Unit.COUNT), Column("rows", "rows", Unit.COUNT),
        Column("change_ratio", "change", Unit.SHARE),
    )  # fmt: skip
    rows: list[Row] = [
        (pipeline, stage, before, now, now / before - 1 if before else None)
        for (pipeline, stage), (before, now) in sorted(figures.metrics.rows.items())
    ]
    note = "Compared with the time of the same length before."
    return "rows", "Rows processed", columns, rows, note


def _pools(figures: Figures) -> _Made:
    columns = (
        Column("pool", "pool"), Column("slots", "slots", Unit.COUNT),
        Column("mean_slots", "mean in use", Unit.RATIO),
        Column("peak_slots", "peak in use", Unit.RATIO), Column("full_share", "full", Unit.SHARE),
    )  # fmt: skip
    rows: list[Row] = []
    for pool, occupancy in sorted(figures.tally.pools.items()):
        minutes, slots = occupancy.minutes(), (figures.limits.pools or {}).get(pool, -1)
        limited = slots > 0
        full = share_at_least(minutes, FULL * slots) if limited else None
        mean = fsum(minutes) / len(minutes)
        rows.append((pool, slots if limited else None, mean, max(minutes), full))
    note = (
        "Of queued and running tries, means of minutes. Full: the share of minutes with at least "
        "95 % of the slots in use."
    )
    return "pools", "Pool slots in use", columns, rows, note


def _active_tasks(figures: Figures) -> _Made:
    columns = (
        Column("dag_id", "DAG"), Column("max_active_tasks", "max_active_tasks", Unit.COUNT),
        Column("peak_tasks", "peak", Unit.RATIO), Column("full_share", "at limit", Unit.SHARE),
        Column("full_seconds", "for", Unit.SECONDS),
        Column("wait_p95_seconds", "scheduled to queued p95", Unit.SECONDS),
        Column("wait_total_seconds", "in all", Unit.SECONDS),
    )  # fmt: skip
    active = figures.active
    dags = sorted(
        active.dags.items(), key=lambda each: (-each[1].use.full_share, -each[1].use.most, each[0])
    )
    rows: list[Row] = [
        (
            dag_id, dag.limit, dag.use.most, dag.use.full_share, dag.use.full_seconds,
            _quantile(dag.waits, 0.95), dag.waits.total if dag.waits.count else None,
        )
        for dag_id, dag in dags
    ]  # fmt: skip
    of = "in each run" if active.of_each_run else "in all runs of the DAG, means of minutes"
    note = (
        f"Queued and running tries {of}. At limit: the share of the time in which there were any."
    )
    return "active_tasks", "Active tasks of DAGs", columns, rows, note


def _dags(figures: Figures) -> _Made:
    columns = (
        Column("dag_id", "DAG"), Column("runs", "runs", Unit.COUNT),
        Column("mean_seconds", "mean run", Unit.SECONDS),
        Column("critical_seconds", "critical path", Unit.SECONDS),
        Column("parallelism", "parallelism", Unit.RATIO), Column("peak", "peak", Unit.COUNT),
        Column("potential_saving_seconds", "potential saving", Unit.SECONDS),
        Column("critical_path", "usual critical path"),
        Column("serialized_tasks", "serialized, could run in parallel"),
    )  # fmt: skip
    dags = sorted(
        figures.tally.dags.items(),
        key=lambda each: (-each[1].potential_saving, -each[1].wall, each[0]),
    )
    rows: list[Row] = [
        (
            dag_id, dag.runs, dag.wall / dag.runs, dag.critical / dag.runs if dag.known else None,
            dag.work / dag.busy if dag.busy else 0.0, dag.peak,
            dag.potential_saving / dag.runs if dag.known else None,
            " → ".join(dag.paths.most_common(1)[0][0]) if dag.known else None,
            ", ".join(task for task, _ in serialized_tasks(dag)[:5]) or None,
        )
        for dag_id, dag in dags
    ]  # fmt: skip
    note = (
        "Successful runs; times are means. Potential saving: what a run takes beyond its critical "
        "path. A mapped task counts once, from its first start to its last end."
    )
    return "dags", "Critical path and parallelism of DAG runs", columns, rows, note


def _tables(figures: Figures) -> _Made:
    columns = (
        Column("table", "table"), Column("size_bytes", "size", Unit.BYTES),
        Column("live_rows", "rows", Unit.COUNT), Column("dead_rows", "dead rows", Unit.COUNT),
    )  # fmt: skip
    rows: list[Row] = [tuple(each) for each in figures.tables]
    return "tables", "Tables of the metadata database", columns, rows, "Sizes with indexes."


def _statements(figures: Figures) -> _Made:
    columns = (
        Column("statement", "statement"), Column("calls", "calls", Unit.COUNT), _TOTAL,
        Column("mean_seconds", "mean", Unit.SECONDS),
    )  # fmt: skip
    rows: list[Row] = [tuple(each) for each in figures.statements]
    return "statements", "Slow statements of the metadata database", columns, rows, ""


def _spread(sample: Sample) -> Iterable[Value]:
    return (
        sample.count, sample.quantile(0.5), sample.quantile(0.95), sample.largest, sample.total,
    )  # fmt: skip


def _quantile(sample: Sample, share: float) -> float | None:
    return sample.quantile(share) if sample.count else None
