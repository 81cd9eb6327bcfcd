"""The collector of containers on cgroups of this kernel, made by hand under an engine's names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import catalogue
from exporter.catalogue import Family
from exporter.clock import Clock
from exporter.collectors.containers.collector import ContainersCollector
from exporter.collectors.containers.engine_messages import EngineContainer
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.names import Names
from exporter.collectors.containers.options import Options
from exporter.collectors.containers.sources import HostTree, Siblings
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys
from exporter.identity.safe_names import SafeNames
from exporter.kernel.cgroup import Cgroup
from exporter.kernel.hierarchies import found_hierarchies
from exporter.kernel.kept import Descriptors
from exporter.samples import Batch
from tests.unit.kernel.kernel import real_cgroup, remove
from tests.unit.kernel.layouts import cid

FIRST, SECOND = cid("docker-a"), cid("docker-b")
BURN = """
import time
input()
end = time.process_time() + {}
while time.process_time() < end: pass
"""


@pytest.fixture
def engine() -> Iterator[list[Path]]:
    """What an engine's containers are below, in each hierarchy."""
    with real_cgroup() as (_, directories):
        parents = [directory / "docker" for directory in directories]
        for parent in parents:
            parent.mkdir()
        yield parents
        remove([parent / name for parent in parents for name in (FIRST, SECOND)])
        remove(parents)


@pytest.fixture
def collector() -> Iterator[ContainersCollector]:
    collector = ContainersCollector(
        HostTree(found_hierarchies()),
        Siblings("/proc"),
        Names(Naming(LabelKeys(), SafeNames(frozenset), DagFilter)),
        Descriptors(1000),
        Clock(),
        options=Options(),
    )
    yield collector
    collector.close()


def start(parents: list[Path], name: str) -> None:
    for parent in parents:
        (parent / name).mkdir()


def end(parents: list[Path], name: str) -> None:
    remove([parent / name for parent in parents])


def burn(parents: list[Path], name: str, seconds: float) -> None:
    """Use CPU in a container."""
    with subprocess.Popen(
        [sys.executable, "-c", BURN.format(seconds)], stdin=subprocess.PIPE
    ) as child:
        for parent in parents:
            (parent / name / "cgroup.procs").write_text(str(child.pid))
        child.communicate(b"\n")


def cpu_seconds(parents: list[Path]) -> float:
    """Return what the kernel counts for all that was ever below."""
    path = "/" + "/".join(parents[0].parts[-2:])
    reading = Cgroup(found_hierarchies().at(path), Descriptors(10)).fast()
    assert reading is not None
    assert reading.cpu_seconds is not None
    return reading.cpu_seconds


def values(batch: Batch, family: Family) -> dict[str | None, float]:
    """Return a family's values by its last label that has one."""
    return {
        [label for label in sample.labels if label][-1]: sample.value
        for sample in batch.gauges["usage"]
        if sample.family is family
    }


def test_a_container_that_came_in_the_place_of_another_is_read_at_once(engine, collector):
    start(engine, FIRST)
    assert FIRST[:12] in values(collector.sample(), catalogue.CONTAINER_CPU)
    end(engine, FIRST)
    start(engine, SECOND)
    burn(engine, SECOND, 0.1)
    assert values(collector.sample(), catalogue.CONTAINER_CPU)[SECOND[:12]] >= 0.1


@pytest.mark.parametrize("told", [False, True])
def test_readings_and_what_is_left_make_the_parents_counter(engine, collector, told):
    start(engine, FIRST)
    collector.sample()
    counted = 0.0
    for turn, (now, then) in enumerate([(FIRST, SECOND), (SECOND, FIRST)] * 2):
        burn(engine, now, 0.05)
        batch = collector.sample()
        counted += values(batch, catalogue.CONTAINER_CPU)[now[:12]]
        # Every other one works on after its last reading.
        burn(engine, now, 0.05 * (turn % 2))
        end(engine, now)
        start(engine, then)
        if told:
            collector.started(EngineContainer(then, then[:12], "image", {}))
    batch = collector.sample()
    counted += values(batch, catalogue.CONTAINER_CPU)[FIRST[:12]]
    left = values(batch, catalogue.CONTAINER_UNATTRIBUTED_CPU)["docker"]
    assert left >= 0.1
    assert counted + left == pytest.approx(cpu_seconds(engine), abs=1e-6)
