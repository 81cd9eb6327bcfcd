"""What the tasks of the DAG `burning` wrote down, and whether the exporter tells the same."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.airflow.truth import Samples

INSTANCES = {"heavy": 1, "half": 1, "shell": 1, "mapped": 3}
"""By task id, in each run."""
SHORT = {"half"}
"""Each ends a little later than it writes, and its last report costs CPU as well: tells here."""


class Burnt(NamedTuple):
    """What one try has used by its own account."""

    task_id: str
    run_id: str
    cpu: float
    """Seconds, of ended children too."""
    peak: int | None
    """Bytes."""


def written_down(directory: Path, runs: Collection[str]) -> list[Burnt]:
    """Return what the tries of some runs wrote into a directory."""
    tries = [Burnt(**json.loads(each.read_text())) for each in directory.iterdir()]
    return [each for each in tries if each.run_id in runs]


def assert_told(ours: Samples, tries: Sequence[Burnt]) -> None:
    """Compare a scrape with every try of some runs; print both."""
    runs = len({each.run_id for each in tries})
    for task_id, instances in INSTANCES.items():
        true = [each for each in tries if each.task_id == task_id]
        assert len(true) == instances * runs
        labels = frozenset({("dag_id", "burning"), ("task_id", task_id)})
        cpu, truth = ours["task_cpu_seconds_total", labels], sum(each.cpu for each in true)
        print(f"{task_id}: {cpu:.2f} s of CPU, {truth:.2f} by its own account")
        assert cpu == pytest.approx(truth, rel=0.2 if task_id in SHORT else 0.05)
        assert ours["task_peak_memory_bytes_count", labels] == len(true)
        if task_id == "heavy":
            peak, truth = (
                ours["task_peak_memory_bytes_sum", labels],
                sum(each.peak for each in true),
            )
            print(f"{task_id}: {peak / 1e6:.1f} MB at most, {truth / 1e6:.1f} by its own account")
            assert peak == pytest.approx(truth, rel=0.1)
    assert ours["task_unattributed_processes", frozenset()] == 0
    running = {value for (name, _), value in ours.items() if name == "task_running_instances"}
    assert running <= {0.0}
