"""How the tasks of a DAG depend on one another, as Airflow has serialized it.

The database takes the names out of the document: nothing else of a DAG is read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, cast, column, func, null, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from exporter.collectors.airflow.schema import Schema

MAX_CHARACTERS = 1_000_000
"""Of one task's list of downstreams."""

Edges = dict[str, dict[str, list[str]]]
"""By DAG, the direct upstreams of every task."""


def of_dags(dag_ids: Sequence[str], connection: Connection, schema: Schema) -> Edges:
    """Return the dependencies within these DAGs; the newest version of each."""
    if connection.dialect.name == "postgresql":
        task, names, downstreams = _postgresql(schema)
    else:
        task, names, downstreams = _sqlite(schema)
    dag = schema.tables["serialized_dag"]
    moment = next((dag.c[n] for n in ("last_updated", "created_at") if n in dag.c), null())
    statement = (
        select(dag.c.dag_id, moment, names, downstreams)
        .select_from(dag)
        .join(task, onclause=dag.c.dag_id.is_not(None))
        .where(dag.c.dag_id.in_(dag_ids))
    )
    versions: dict[str, dict[Any, list[tuple[str, str | None]]]] = defaultdict(dict)
    for dag_id, updated, name, below in connection.execute(statement):
        versions[dag_id].setdefault(updated, []).append((str(name), below))
    return {
        dag_id: _upstreams(by_moment[max(by_moment, key=lambda each: (each is not None, each))])
        for dag_id, by_moment in versions.items()
    }


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


def _postgresql(schema: Schema) -> tuple[Any, Any, Any]:
    data = cast(schema.tables["serialized_dag"].c.data, JSONB)
    # Unlike jsonb_array_elements, which ends the statement for what is no list.
    elements = func.jsonb_path_query(data["dag"]["tasks"], cast("$[*]", JSONPATH))
    task = elements.table_valued(column("value", JSONB), name="task").render_derived()
    plain = func.coalesce(task.c.value["__var"], task.c.value, type_=JSONB)
    return task, plain["task_id"].astext, plain["downstream_task_ids"].astext


def _sqlite(schema: Schema) -> tuple[Any, Any, Any]:
    data = schema.tables["serialized_dag"].c.data
    task = func.json_each(data, "$.dag.tasks").table_valued("value", name="task")
    plain = func.coalesce(func.json_extract(task.c.value, "$.__var"), task.c.value)
    below = func.json_extract(plain, "$.downstream_task_ids")
    return task, func.json_extract(plain, "$.task_id"), below
