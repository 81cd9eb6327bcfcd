"""A role of PostgreSQL that may read the columns that are read, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import Enum
from typing import Final

from exporter.collectors.airflow.schema import READ, SERIALIZED
from exporter.errors import ConfigError

FILE: Final = "reader.sql"
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_INDENT: Final = " " * 12


class Extra(Enum):
    """A table that is granted only to those who ask for it, for what it holds beside."""

    XCOM = "xcom"
    """Rows that tasks return, which may stand beside secrets."""
    SERIALIZED_DAG = "serialized_dag"
    """The critical paths of the command report."""


_WHY: Final = {
    Extra.XCOM: "Rows that tasks return, which may stand beside secrets (docs/rows.md):",
    Extra.SERIALIZED_DAG: "Critical paths of the command report (docs/report.md):",
}
_SQL: Final = """\
-- A role that may read what airflow-perf-exporter reads, and nothing else, on PostgreSQL.
-- Written by `airflow-perf-exporter bundle grants`. Run it in Airflow's database as an owner of the
-- tables who may create roles, and again after each upgrade of Airflow: what this Airflow lacks is
-- passed over, and what the role had before on tables of the schema is taken back.
-- It sets no password; in psql: \\password {role}
DO $grants$
DECLARE
    reader CONSTANT name := '{role}';
    place CONSTANT name := '{schema}';
    present record;
BEGIN
    IF to_regclass(format('%I.task_instance', place)) IS NULL THEN
        RAISE EXCEPTION 'There is no task_instance in schema % of database %.',
            place, current_database();
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = reader) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', reader);
    END IF;
    EXECUTE format('ALTER ROLE %I CONNECTION LIMIT 2', reader);
    EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', reader);
    EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', reader, '1s');
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', reader, '60s');
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), reader);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', place, reader);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', place, reader);
    FOR present IN
        SELECT there.table_name, string_agg(format('%I', there.column_name), ', ') AS names
        FROM information_schema.columns AS there
        JOIN (VALUES
{rows}
        ) AS wanted (table_name, names)
            ON there.table_name = wanted.table_name AND there.column_name = ANY (wanted.names)
        WHERE there.table_schema = place
        GROUP BY there.table_name
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON %I.%I TO %I',
            present.names, place, present.table_name, reader);
    END LOOP;
END
$grants$;
"""


def script(role: str, schema: str, extras: Collection[Extra] = ()) -> str:
    """Return the SQL; raise ConfigError for names that would have to be quoted."""
    for what, name in (("role", role), ("schema", schema)):
        if not _NAME.fullmatch(name):
            message = f"'{name}' is no {what} of small letters, digits and underscores."
            raise ConfigError(message)
    rows = [_extra(extra, granted=extra in extras) for extra in Extra]
    plain = {table: names for table, names in READ.items() if table != Extra.XCOM.value}
    rows.append(",\n".join(_INDENT + _row(table, names) for table, names in plain.items()))
    return _SQL.format(role=role, schema=schema, rows="\n".join(rows))


def _extra(extra: Extra, *, granted: bool) -> str:
    names = SERIALIZED if extra is Extra.SERIALIZED_DAG else READ[extra.value]
    dashes = "" if granted else "-- "
    return f"{_INDENT}-- {_WHY[extra]}\n{_INDENT}{dashes}{_row(extra.value, names)},"


def _row(table: str, names: Iterable[str]) -> str:
    return f"('{table}', '{{{', '.join(names)}}}'::text[])"
