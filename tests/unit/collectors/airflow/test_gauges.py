"""Gauges of the active set without a database."""

from __future__ import annotations

from datetime import datetime, timezone

from exporter import catalogue
from exporter.collectors.airflow.gauges import queue_samples
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.reading import Reading
from exporter.collectors.airflow.scaling import Observed, Scaling
from exporter.insight.autoscale import Policy
from exporter.insight.experience import Experience
from exporter.model import ActiveGroup

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_what_has_no_queue_waits_and_scales_in_the_queue_that_the_user_calls_default() -> None:
    group = ActiveGroup("d", "t", None, "queued", None, "default_pool", 3, 3, NOW, 3)
    reading = Reading(
        now=NOW, read_until=None, groups=[group], active={}, tries=[], fingerprints={}, runs=[],
        ended_runs=[], highest_run_id=0, stale=None,
    )  # fmt: skip
    observed = Observed(reading, (), {"jobs"}, None)
    scaled = Scaling(Policy()).sample(
        Experience(), observed, Options(default_queue="jobs"), lambda _: {}
    )
    waiting = {
        each.labels: each.value
        for each in queue_samples([group], [], "jobs", NOW)
        if each.family is catalogue.TASK_QUEUE_SIZE
    }
    assert waiting == {("jobs",): 3}
    assert {each.labels[0] for each in scaled.gauges["scaling"]} == {"jobs"}
