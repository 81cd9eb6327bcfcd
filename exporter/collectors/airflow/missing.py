"""What is missing in a database, and the sentence that tells of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection

from exporter.collectors.airflow.granted import Granted, schemas_with


def missing(required: Mapping[str, Collection[str]], found: Granted) -> list[str]:
    """Return the tables, and the columns of others, that are required and not granted."""
    return [
        lack
        for name, columns in required.items()
        for lack in (
            [f"{name}.{column}" for column in sorted({*columns} - found[name].keys())]
            if name in found
            else [name]
        )
    ]


def explained(connection: Connection, schema_name: str | None, lacks: Iterable[str]) -> str:
    """Return what is wrong, and what to set where Airflow's tables are somewhere else."""
    lacks = list(lacks)
    where = f"schema {schema_name}" if schema_name else "the database"
    sentence = f"{where} lacks or does not grant: {', '.join(lacks)}"
    others = schemas_with(connection, "task_instance") if "task_instance" in lacks else []
    if not others:
        return sentence
    return f"{sentence}; Airflow's tables are in schema {others[0]}: set --airflow.schema"
