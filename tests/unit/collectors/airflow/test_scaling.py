"""The scaling signal without a database: what stays when a part of it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from sqlalchemy import Connection

from exporter.collectors.airflow.first_waves import Waves
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.reading import Reading
from exporter.collectors.airflow.scaling import RUNS_A_SAMPLE, Observed, Scaling
from exporter.collectors.airflow.schema import Schema
from exporter.errors import SourceUnavailableError
from exporter.insight.autoscale import Policy
from exporter.insight.experience import Experience, RunName

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
READING = Reading(
    now=NOW, read_until=None, groups=[], active={}, tries=[], fingerprints={}, runs=[],
    ended_runs=[], highest_run_id=0, stale=None,
)  # fmt: skip
OBSERVED = Observed(READING, (), {"default"}, None)


def locked(_: Callable[[Connection, Schema], Waves]) -> Waves:
    message = "the table is locked"
    raise SourceUnavailableError(message)


def begun(runs: int) -> Experience:
    names = [RunName("d", str(number)) for number in range(runs)]
    return Experience(begun=dict.fromkeys(names, NOW - timedelta(seconds=91)))


def test_first_waves_that_cannot_be_read_wait_and_cost_nothing_else() -> None:
    known = begun(1)
    sample = Scaling(Policy()).sample(known, OBSERVED, Options(), locked)
    assert sample.experience == known
    assert [each.value for each in sample.gauges["scaling"]] == [1, 0, 0, 16]


def test_only_so_many_first_waves_are_read_in_one_sample() -> None:
    known = begun(RUNS_A_SAMPLE + 3)

    def narrow(_: Callable[[Connection, Schema], Waves]) -> Waves:
        return {name: {"default": 1.0, "unknown": 1.0} for name in [*known.begun][:RUNS_A_SAMPLE]}

    after = Scaling(Policy()).sample(known, OBSERVED, Options(), narrow).experience
    assert len(after.begun) == 3
    assert after.waves == {"d": {"default": 1.0}}


def test_nothing_is_read_while_no_first_wave_is_over() -> None:
    young = Experience(begun={RunName("d", "r"): NOW - timedelta(seconds=89)})
    assert Scaling(Policy()).sample(young, OBSERVED, Options(), locked).experience == young
