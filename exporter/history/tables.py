"""What looking back reads beyond what a sample does: how tasks of a DAG depend on one another."""

from __future__ import annotations

from exporter.collectors.airflow.schema import READ as SAMPLED
from exporter.collectors.airflow.schema import SERIALIZED

READ = {**SAMPLED, "serialized_dag": SERIALIZED}
"""Every table and column that commands that look back may read, but for statistics."""
