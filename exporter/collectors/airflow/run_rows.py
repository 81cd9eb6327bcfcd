"""Rows of DAG runs: the active ones, those that ended since, and any by id or name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, func, literal, null, select, union_all

from exporter.collectors.airflow.keys import among, interned, pages, with_runs
from exporter.collectors.airflow.schema import Schema
from exporter.model import RUN_FINISHED_STATES, RUN_LIVE_STATES, RunRow


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


def finished_runs_above(
    connection: Connection, schema: Schema, cursor: int, limit: int
) -> list[RunRow]:
    """Return the finished runs with an id above the cursor, lowest first."""
    run = schema.tables["dag_run"]
    new = _run_rows(schema).where(run.c.id > cursor, run.c.state.in_(sorted(RUN_FINISHED_STATES)))
    return _runs(connection, new.order_by(run.c.id).limit(limit))


def runs_with(connection: Connection, schema: Schema, ids: Collection[int]) -> list[RunRow]:
    """Return the runs with these ids."""
    run = schema.tables["dag_run"]
    rows: list[RunRow] = []
    for page in pages(connection, sorted(ids)):
        rows += _runs(connection, _run_rows(schema).where(among(connection, run.c.id, page)))
    return rows


def runs_named(
    connection: Connection, schema: Schema, names: Collection[tuple[str, str]]
) -> list[RunRow]:
    """Return the runs with these (dag id, run id)."""
    run = schema.tables["dag_run"]
    rows: list[RunRow] = []
    for page in pages(connection, sorted(names)):
        rows += _runs(connection, with_runs(connection, _run_rows(schema), run, page))
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
    return [RunRow(*interned(row)) for row in connection.execute(statement)]
