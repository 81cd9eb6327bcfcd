"""What looking back reads beyond what a sample does: how tasks of a DAG depend on one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import String
from sqlalchemy.types import NULLTYPE, TypeEngine

from exporter.collectors.airflow.schema import READ as SAMPLED
from exporter.collectors.airflow.schema import UtcDateTime

SERIALIZED: Mapping[str, TypeEngine[Any]] = {
    "dag_id": String(),
    "data": NULLTYPE,
    "last_updated": UtcDateTime(),
    "created_at": UtcDateTime(),
}
READ = {**SAMPLED, "serialized_dag": SERIALIZED}
"""Every table and column that commands that look back may read, but for statistics."""
