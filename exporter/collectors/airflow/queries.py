"""SQL against the metadata database: statements that read by index, rows to model objects.

None of them scans `task_instance`; `tests/integration/collectors/airflow/test_plans.py` asserts it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from sys import intern
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    func,
    literal,
    null,
    select,
    text,
    tuple_,
    union_all,
)

from exporter.collectors.airflow.schema import Schema
from exporter.model import (
    LIVE_STATES,
    RUN_FINISHED_STATES,
    RUN_LIVE_STATES,
    ActiveGroup,
    ActiveRow,
    RunRow,
    TaskKey,
    TryRow,
)

KEYS_A_STATEMENT = 5_000
"""Keys looked up in one statement on PostgreSQL; a longer list takes several."""
_KEYS_A_STATEMENT_SQLITE = 200
ROWS_A_PAGE = 10_000
"""Rows read at a time where an outage may have left many."""
ROWS_A_SAMPLE = 20_000
"""Rows of ended tries in one sample before the rest is left to the next."""
LOCK_TIMEOUT_MILLISECONDS = 500
"""How long a sample waits for a lock: a migration must not queue behind us."""
_PLANS_BY_INDEX = {
    **dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off"),
    # Where a table must be read whole, the planner's penalty for it would have JIT compile.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""Keeps the cost of a sample to the rows it asks for, however old the planner's statistics are."""


def begin(connection: Connection, timeout_seconds: float) -> datetime:
    """Bound the transaction's time on the server and return the database's clock."""
    if connection.dialect.name == "postgresql":
        settings = {
            "statement_timeout": str(int(timeout_seconds * 1000)),
            "lock_timeout": str(LOCK_TIMEOUT_MILLISECONDS),
            **_PLANS_BY_INDEX,
        }
        # Local to the transaction: a pooler hands the session on to others.
        local = [func.set_config(name, value, True) for name, value in settings.items()]
        moment: datetime = connection.execute(select(func.now(), *local)).scalar_one()
        return moment.astimezone(timezone.utc)
    found = connection.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")).scalar_one()
    return datetime.fromisoformat(str(found)).replace(tzinfo=timezone.utc)


def active_groups(connection: Connection, schema: Schema) -> list[ActiveGroup]:
    """Count the task instances in a live state; one group for all that look the same."""
    ti = schema.tables["task_instance"]
    common = (ti.c.dag_id, ti.c.task_id, ti.c.operator, ti.c.state, ti.c.queue, ti.c.pool)
    counted = select(
        *common,
        func.count(),
        func.coalesce(func.sum(ti.c.pool_slots), 0),
        func.min(ti.c.queued_dttm),
    ).group_by(*common)
    found = connection.execute(_active(connection, counted, ti))
    return [ActiveGroup(*_shared(row)) for row in found]


def active_rows(connection: Connection, schema: Schema) -> dict[TaskKey, ActiveRow]:
    """Return the task instances in a live state that have a start."""
    ti = schema.tables["task_instance"]
    heartbeat = ti.c.last_heartbeat_at if schema.heartbeat_in_row else null()
    columns = (*_key_columns(ti), ti.c.state, ti.c.start_date, ti.c.try_number, heartbeat)
    statement = _active(connection, select(*columns).where(ti.c.start_date.is_not(None)), ti)
    found = [
        ActiveRow._make((TaskKey(*row[:4]), *row[4:]))
        for row in map(_shared, connection.execute(statement))
    ]
    return {row.key: row for row in found}


@dataclass(frozen=True, slots=True)
class Ran:
    """The live rows of task instances that ran after some moment, oldest heartbeat first."""

    rows: list[TryRow]
    until: datetime | None
    """The heartbeat that the reading stopped at because there were too many; None if at the end."""


def rows_that_ran_after(
    connection: Connection, schema: Schema, floor: datetime, window: timedelta
) -> Ran:
    """Return what ran after `floor`, at least a `window` of it, and no more than fits in memory.

    After a long outage the rest is left for the next samples.
    """
    rows: list[TryRow] = []
    position = floor
    read = 0
    while True:
        page, beats = _page_of_ran(connection, schema, position)
        rows += page
        read += len(beats)
        # By heartbeats, not by rows: a job of Airflow 2 may have no task instance any more.
        if len(beats) < ROWS_A_PAGE:
            return Ran(rows, None)
        position = beats[-1]
        if read >= ROWS_A_SAMPLE and position > floor + window:
            return Ran(rows, position)


def _page_of_ran(
    connection: Connection, schema: Schema, floor: datetime
) -> tuple[list[TryRow], list[datetime]]:
    """Return the rows of a page of heartbeats after `floor`, and the heartbeats, oldest first."""
    ti = schema.tables["task_instance"]
    if schema.heartbeat_in_row:
        beat = ti.c.last_heartbeat_at
        found = _oldest(connection, select(*_try_columns(ti), beat), beat, floor)
        rows = [_try_row(row[:-1], archived=False) for row in found]
        return rows, [row[-1] for row in found]
    # Two statements: joined in one, PostgreSQL may choose to scan task_instance.
    job = schema.tables["job"]
    beat = job.c.latest_heartbeat
    tries = select(job.c.id, beat).where(job.c.job_type == "LocalTaskJob")
    jobs = _oldest(connection, tries, beat, floor)
    rows = []
    for ids in _pages([job_id for job_id, _ in jobs], _page_size(connection)):
        among = select(*_try_columns(ti)).where(_among(connection, ti.c.job_id, ids))
        rows += _tries(connection, among, archived=False)
    return rows, [heartbeat for _, heartbeat in jobs]


def _oldest(
    connection: Connection, statement: Select[Any], beat: Column[Any], floor: datetime
) -> list[Sequence[Any]]:
    """Return a page of rows after `floor`, by `beat`, which is their last column."""
    page = statement.where(beat > floor).order_by(beat).limit(ROWS_A_PAGE)
    found = [*connection.execute(page)]
    if len(found) < ROWS_A_PAGE:
        return found
    # The next page begins after the last heartbeat: all that share it belong to this one.
    last = found[-1][-1]
    ties = connection.execute(statement.where(beat == last))
    return [*(row for row in found if row[-1] != last), *ties]


def rows_of_moving_runs(
    connection: Connection, schema: Schema, floor: datetime, *, sweep: bool
) -> list[TryRow]:
    """Return what ended after `floor` in the active runs, for want of readable heartbeats.

    With `sweep` also in every run that moved since: a run may end between two samples.
    """
    ti, run = schema.tables["task_instance"], schema.tables["dag_run"]
    names = {(row.dag_id, row.run_id) for row in active_runs(connection, schema)}
    if sweep:
        # dag_run has no index on these columns: this reads the whole table, hence not each time.
        moved = run.c.updated_at if "updated_at" in run.c else run.c.end_date
        statement = select(run.c.dag_id, run.c.run_id).where(moved > floor)
        names |= {(dag_id, run_id) for dag_id, run_id in connection.execute(statement)}
    rows: list[TryRow] = []
    for page in _pages(sorted(names), _page_size(connection)):
        statement = select(*_try_columns(ti)).where(ti.c.end_date > floor)
        if connection.dialect.name == "postgresql":
            wanted = _unnested(page, {"dag_id": String(), "run_id": String()})
            joined = and_(ti.c.dag_id == wanted.c.dag_id, ti.c.run_id == wanted.c.run_id)
            statement = statement.join(wanted, joined)
        else:
            statement = statement.where(tuple_(ti.c.dag_id, ti.c.run_id).in_(page))
        rows += _tries(connection, statement, archived=False)
    return rows


def live_rows(connection: Connection, schema: Schema, keys: Collection[TaskKey]) -> list[TryRow]:
    """Return the live rows of these task instances."""
    ti = schema.tables["task_instance"]
    rows: list[TryRow] = []
    for page in _pages(list(keys), _page_size(connection)):
        statement = _with_keys(connection, select(*_try_columns(ti)), ti, page)
        rows += _tries(connection, statement, archived=False)
    return rows


def archived_rows(
    connection: Connection, schema: Schema, keys: Collection[TaskKey]
) -> list[TryRow]:
    """Return every earlier try of these task instances, in their order."""
    history = schema.tables["task_instance_history"]
    rows: list[TryRow] = []
    for page in _pages(list(keys), _page_size(connection)):
        statement = _with_keys(connection, select(*_try_columns(history)), history, page)
        rows += _tries(connection, statement.order_by(history.c.try_number), archived=True)
    return rows


def job_heartbeats(
    connection: Connection, schema: Schema, keys: Collection[TaskKey]
) -> dict[TaskKey, datetime]:
    """Return the last heartbeat of each task instance's job (Airflow 2)."""
    # Two statements: joined in one, PostgreSQL may choose to read all jobs for each key.
    ti, job = schema.tables["task_instance"], schema.tables["job"]
    jobs: dict[TaskKey, int] = {}
    for page in _pages(list(keys), _page_size(connection)):
        statement = select(*_key_columns(ti), ti.c.job_id).where(ti.c.job_id.is_not(None))
        for row in connection.execute(_with_keys(connection, statement, ti, page)):
            jobs[TaskKey(*_shared(row[:4]))] = row[4]
    beats: dict[int, datetime] = {}
    for ids in _pages(sorted(jobs.values()), _page_size(connection)):
        recent = select(job.c.id, job.c.latest_heartbeat).where(_among(connection, job.c.id, ids))
        beats.update(row for row in connection.execute(recent) if row[1] is not None)
    return {key: beats[job_id] for key, job_id in jobs.items() if job_id in beats}


def active_runs(connection: Connection, schema: Schema) -> list[RunRow]:
    """Return the queued and running DAG runs."""
    # One equality a state: a list of states misses Airflow's partial indexes.
    run = schema.tables["dag_run"]
    statements = [_run_rows(schema).where(run.c.state == state) for state in RUN_LIVE_STATES]
    return _runs(connection, union_all(*statements))


def highest_run_id(connection: Connection, schema: Schema) -> int:
    """Return the highest id of a DAG run, 0 when there is none."""
    run = schema.tables["dag_run"]
    return connection.execute(select(func.max(run.c.id))).scalar() or 0


def finished_runs_above(connection: Connection, schema: Schema, cursor: int) -> list[RunRow]:
    """Return the finished runs with an id above the cursor, lowest first, at most a page."""
    run = schema.tables["dag_run"]
    new = _run_rows(schema).where(run.c.id > cursor, run.c.state.in_(sorted(RUN_FINISHED_STATES)))
    return _runs(connection, new.order_by(run.c.id).limit(ROWS_A_PAGE))


def runs_with(connection: Connection, schema: Schema, ids: Collection[int]) -> list[RunRow]:
    """Return the runs with these ids."""
    run = schema.tables["dag_run"]
    rows: list[RunRow] = []
    for page in _pages(sorted(ids), _page_size(connection)):
        rows += _runs(connection, _run_rows(schema).where(_among(connection, run.c.id, page)))
    return rows


def runs_named(
    connection: Connection, schema: Schema, names: Collection[tuple[str, str]]
) -> list[RunRow]:
    """Return the runs with these (dag id, run id)."""
    run = schema.tables["dag_run"]
    rows: list[RunRow] = []
    for page in _pages(sorted(names), _page_size(connection)):
        if connection.dialect.name == "postgresql":
            wanted = _unnested(page, {"dag_id": String(), "run_id": String()})
            joined = and_(run.c.dag_id == wanted.c.dag_id, run.c.run_id == wanted.c.run_id)
            statement = _run_rows(schema).join(wanted, joined)
        else:
            statement = _run_rows(schema).where(tuple_(run.c.dag_id, run.c.run_id).in_(page))
        rows += _runs(connection, statement)
    return rows


def _run_rows(schema: Schema) -> Select[Any]:
    run = schema.tables["dag_run"]
    clear_number = run.c.clear_number if "clear_number" in run.c else literal(0)
    due = next((run.c[n] for n in ("run_after", "data_interval_end") if n in run.c), null())
    return select(
        run.c.id, run.c.dag_id, run.c.run_id, run.c.run_type, run.c.state,
        run.c.start_date, run.c.end_date, clear_number, due,
    )  # fmt: skip


def _runs(connection: Connection, statement: Any) -> list[RunRow]:  # noqa: ANN401 - Select or CompoundSelect
    return [RunRow(*_shared(row)) for row in connection.execute(statement)]


def _key_columns(source: Table) -> tuple[Column[Any], ...]:
    return (source.c.dag_id, source.c.task_id, source.c.run_id, source.c.map_index)


def _try_columns(source: Table) -> tuple[ColumnElement[Any], ...]:
    scheduled = source.c.scheduled_dttm if "scheduled_dttm" in source.c else null()
    return (
        *_key_columns(source), source.c.state, source.c.start_date, source.c.end_date,
        source.c.duration, source.c.pid, source.c.operator, source.c.queue, source.c.pool,
        source.c.queued_dttm, scheduled,
    )  # fmt: skip


def _tries(connection: Connection, statement: Select[Any], *, archived: bool) -> list[TryRow]:
    return [_try_row(row, archived=archived) for row in connection.execute(statement)]


def _try_row(row: Sequence[Any], *, archived: bool) -> TryRow:
    shared = _shared(row)
    return TryRow._make((TaskKey(*shared[:4]), *shared[4:], archived))


def _shared(row: Sequence[Any]) -> list[Any]:
    """Return a row whose texts are one object with their equals: most are kept, many times over."""
    return [intern(value) if type(value) is str else value for value in row]


def _active(connection: Connection, statement: Select[Any], ti: Table) -> Select[Any]:
    """Restrict a statement to the active set, in the form whose plan uses the index."""
    if connection.dialect.name != "postgresql":
        return statement.where(ti.c.state.in_(LIVE_STATES))
    # A range of the index for each state. Given a list of them, a planner that holds most of the
    # table for active goes through all of it.
    live = _unnested([(state,) for state in LIVE_STATES], {"state": String()})
    return statement.join(live, ti.c.state == live.c.state)


def _with_keys(
    connection: Connection, statement: Select[Any], source: Table, keys: Sequence[TaskKey]
) -> Select[Any]:
    """Restrict a statement to rows with these keys, in the form whose plan uses the index."""
    if connection.dialect.name != "postgresql":
        return statement.where(tuple_(*_key_columns(source)).in_(keys))
    kinds = dict.fromkeys(("dag_id", "task_id", "run_id"), String())
    wanted = _unnested(keys, {**kinds, "map_index": Integer()})
    # Equal, said in the order of the unique index, which is then the only one that serves. Of plain
    # equalities PostgreSQL picks an index without map_index and reads the whole run for each key.
    names = ("task_id", "run_id", "map_index")
    rest, wanted_rest = (tuple_(*[each.c[name] for name in names]) for each in (source, wanted))
    return statement.join(
        wanted,
        and_(
            source.c.dag_id == wanted.c.dag_id,
            source.c.map_index == wanted.c.map_index,
            rest >= wanted_rest,
            rest <= wanted_rest,
        ),
    )


def _unnested(rows: Sequence[Sequence[Any]], columns: dict[str, Any]) -> Any:  # noqa: ANN401 - a table-valued alias
    arrays = [
        bindparam(f"wanted_{name}", [row[position] for row in rows], ARRAY(kind), unique=True)
        for position, (name, kind) in enumerate(columns.items())
    ]
    return func.unnest(*arrays).table_valued(*columns, name="wanted").render_derived()


def _among(connection: Connection, source: Any, values: Sequence[int]) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    if connection.dialect.name == "postgresql":
        array = bindparam("among", list(values), ARRAY(Integer()), unique=True)
        equal: ColumnElement[bool] = source == func.any(array)
        return equal
    among: ColumnElement[bool] = source.in_(values)
    return among


def _page_size(connection: Connection) -> int:
    postgresql = connection.dialect.name == "postgresql"
    return KEYS_A_STATEMENT if postgresql else _KEYS_A_STATEMENT_SQLITE


def _pages(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for position in range(0, len(items), size):
        yield items[position : position + size]
