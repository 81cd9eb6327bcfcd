"""Every alert, by subject."""

from __future__ import annotations

from typing import Final

from exporter.bundle.alert import Group
from exporter.bundle.alerts import dags, data, own, platform, tasks, workers

GROUPS: Final = (
    Group("airflow-platform", platform.ALERTS),
    Group("airflow-dags", dags.ALERTS),
    Group("airflow-tasks", tasks.ALERTS),
    Group("airflow-workers", workers.ALERTS),
    Group("airflow-data", data.ALERTS),
    Group("airflow-exporter", own.ALERTS),
)
