"""How the tasks of a DAG depend on one another, as Airflow has serialized it.

The database takes the names out of the document: nothing else of a DAG is read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, Table, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from exporter.collectors.airflow.schema import Schema

MAX_CHARACTERS = 1_000_000
"""Of one task's list of downstreams."""

Edges = dict[str, dict[str, list[str]]]
"""By DAG, the direct upstreams of every task."""


def of_dags(dag_ids: Sequence[str], connection: Connection, schema: Schema) -> Edges:
    """Return the dependencies within these DAGs; the newest version of each."""
    newest = _newest(schema.tables["serialized_dag"], dag_ids)
    if connection.dialect.name == "postgresql":
        task, names, downstreams = _postgresql(newest.c.data)
    else:
        task, names, downstreams = _sqlite(newest.c.data)
    statement = (
        select(newest.c.dag_id, names, downstreams)
        .select_from(newest)
        .join(task, onclause=newest.c.dag_id.is_not(None))
        .where(newest.c.place == 1)
    )
    tasks: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for dag_id, name, below in connection.execute(statement):
        tasks[dag_id].append((str(name), below))
    return {dag_id: _upstreams(found) for dag_id, found in tasks.items()}


def _newest(dag: Table, dag_ids: Sequence[str]) -> Subquery:
    """Return the versions of these DAGs with their place, the newest first.

    Airflow 3 keeps thousands: none but the first is to be taken apart.
    """
    moment = next((dag.c[n] for n in ("last_updated", "created_at") if n in dag.c), None)
    order = () if moment is None else (moment.is_(None), moment.desc())
    place = func.row_number().over(partition_by=dag.c.dag_id, order_by=order)
    versions = select(dag.c.dag_id, dag.c.data, place.label("place"))
    return versions.where(dag.c.dag_id.in_(dag_ids)).subquery("newest")


def _upstreams(tasks: Sequence[tuple[str, str | None]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name, _ in tasks}
    for name, text in tasks:
        for below in _names(text):
            if below in found:
                found[below].append(name)
    return found


def _names(text: str | None) -> list[str]:
    if not text or len(text) > MAX_CHARACTERS:
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    # A set may be written as {"__type": "set", "__var": [...]}.
    if isinstance(value, dict):
        value = value.get("__var")
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _postgresql(data: ColumnElement[Any]) -> tuple[Any, Any, Any]:
    # Unlike jsonb_array_elements, which ends the statement for what is no list.
    elements = func.jsonb_path_query(cast(data, JSONB)["dag"]["tasks"], cast("$[*]", JSONPATH))
    task = elements.table_valued(column("value", JSONB), name="task").render_derived()
    plain = func.coalesce(task.c.value["__var"], task.c.value, type_=JSONB)
    return task, plain["task_id"].astext, plain["downstream_task_ids"].astext


def _sqlite(data: ColumnElement[Any]) -> tuple[Any, Any, Any]:
    task = func.json_each(data, "$.dag.tasks").table_valued("value", name="task")
    plain = func.coalesce(func.json_extract(task.c.value, "$.__var"), task.c.value)
    below = func.json_extract(plain, "$.downstream_task_ids")
    return task, func.json_extract(plain, "$.task_id"), below
