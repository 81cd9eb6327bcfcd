"""Record the schemas that real Airflow makes: python -m tests.airflow.record_schemas [VERSION...].

Every version is installed, migrates a fresh PostgreSQL database, and what the catalogue then says
about the tables that we read or fill is written to `exporter/demo/schemas`, one file a minor
version. A fresh SQLite database tells the one thing that does not follow from it: which UUIDs
have dashes there. Set UV_EXCLUDE_NEWER if an old version does not run with the newest packages.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import Connection, NullPool, create_engine, inspect, text

from tests.airflow.environment import ROOT, installed
from tests.airflow.pg_catalog import described
from tests.support.postgres import PostgresServer

RECORDED = ("2.10.5", "2.11.2", "3.0.6", "3.1.8", "3.2.2", "3.3.2")
SCHEMAS = ROOT / "exporter" / "demo" / "schemas"

# What we read or fill; a version has those of them that it knows.
TABLES = (
    "alembic_version",
    "asset",
    "asset_event",
    "backfill",
    "callback",
    "dag",
    "dag_bundle",
    "dag_owner_attributes",
    "dag_run",
    "dag_tag",
    "dag_version",
    "dag_warning",
    "dataset",
    "dataset_event",
    "deadline",
    "import_error",
    "job",
    "serialized_dag",
    "sla_miss",
    "slot_pool",
    "task_fail",
    "task_instance",
    "task_instance_history",
    "task_reschedule",
    "trigger",
    "xcom",
)


def recorded(version: str, dsn: str) -> dict[str, Any]:
    """Return the content of a version's file, made in an empty PostgreSQL database."""
    migrate(version, _with_driver(dsn, "psycopg2"))
    with _connected(_with_driver(dsn, "psycopg")) as connection:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
        tables = described(connection, TABLES)
    with tempfile.TemporaryDirectory(prefix="airflow-") as directory:
        url = f"sqlite:///{directory}/airflow.db"
        migrate(version, url)
        with _connected(url) as connection:
            _add_dashed(tables, connection)
    return {"airflow": version, "revision": revision, "tables": tables}


def _add_dashed(tables: dict[str, dict[str, Any]], sqlite: Connection) -> None:
    # UUIDs are CHAR(32) without dashes on SQLite, save some of 3.0 and 3.1: VARCHAR(36) with them.
    inspector = inspect(sqlite)
    for name, table in tables.items():
        types = {column["name"]: str(column["type"]) for column in inspector.get_columns(name)}
        for column in table["columns"]:
            if column["type"] == "uuid" and types[column["name"]] == "VARCHAR(36)":
                column["dashed"] = True


def migrate(version: str, url: str) -> None:
    """Run `airflow db migrate` of a version, installed if need be, on an empty database."""
    airflow = installed(version) / "bin" / "airflow"
    with tempfile.TemporaryDirectory(prefix="airflow-") as home:
        # None of our own variables: AIRFLOW__* would reach it.
        environment = {
            "PATH": f"{airflow.parent}:/usr/bin:/bin",
            "HOME": home,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        }
        done = subprocess.run(
            [airflow, "db", "migrate"],
            check=False,
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
        )
    if done.returncode != 0:
        raise click.ClickException(f"Airflow {version} does not migrate:\n{done.stderr[-4000:]}")


def _connected(url: str) -> Connection:
    return create_engine(url, poolclass=NullPool).connect()


def _with_driver(dsn: str, driver: str) -> str:
    # Which driver a bare postgresql:// means depends on the release of SQLAlchemy.
    return dsn.replace("postgresql:", f"postgresql+{driver}:", 1)


def rendered(schema: dict[str, Any]) -> str:
    """Return JSON with one line for each column, key and index, so that a diff reads well."""
    return "".join(_lines(schema, "")) + "\n"


def _lines(value: dict[str, Any] | list[Any], indent: str) -> Iterator[str]:
    # Lists of objects and objects of objects are spread out, the rest stays on its line.
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    labelled = (
        [(f"{json.dumps(name)}: ", item) for name, item in value.items()]
        if isinstance(value, dict)
        else [("", item) for item in value]
    )
    yield f"{opening}\n"
    for number, (label, item) in enumerate(labelled, 1):
        yield f"{indent}  {label}"
        yield from _lines(item, f"{indent}  ") if _spread(item) else (json.dumps(item),)
        yield ",\n" if number < len(labelled) else "\n"
    yield f"{indent}{closing}"


def _spread(item: object) -> bool:
    if isinstance(item, dict):
        return "name" not in item
    return isinstance(item, list) and isinstance(item[0], dict)


@click.command(help=__doc__)
@click.argument("versions", nargs=-1)
def main(versions: tuple[str, ...]) -> None:
    """Record the given versions, or all that we know."""
    server = PostgresServer.start()
    try:
        for version in versions or RECORDED:
            name = f"airflow-{'.'.join(version.split('.')[:2])}"
            schema = recorded(version, server.create_database(name))
            path = SCHEMAS / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(rendered(schema))
            click.echo(path.relative_to(ROOT))
    finally:
        server.close()


if __name__ == "__main__":
    main()
