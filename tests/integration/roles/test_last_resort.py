"""What only the engine can tell is told soon, and not for ever once it is silent."""

from __future__ import annotations

from time import monotonic, sleep

import psutil
import pytest

from exporter import catalogue
from exporter.clock import Clock
from exporter.collectors.containers.engine import Engine
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.last_resort import (
    MISSING_SECONDS,
    ROUND_EVERY_SECONDS,
    LastResort,
)
from exporter.collectors.containers.stats_api import StatsRound
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys
from exporter.identity.safe_names import SafeNames
from tests.integration.roles.kernel_figures import cpu_seconds, working_set_bytes

# 32 MiB of shared memory, which nothing reclaims, make the figure large beside what the kernel
# charges ahead for each processor (256 KiB).
HELD = "dd if=/dev/zero of=/dev/shm/held bs=1M count=32"
BUSY = f"{HELD}; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 600"


def wait_until(condition, seconds):
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline
        sleep(0.05)


def answered(last_resort):
    """Tell whether a round has ended whose readings have not been taken yet."""
    return last_resort._readings is not last_resort._told


@pytest.fixture
def last_resort(docker):
    """Yield one that has just begun to miss the one container that runs."""
    engine = Engine(docker.url, Clock())
    naming = Naming(LabelKeys(), SafeNames(set), DagFilter)
    last_resort = LastResort(engine, naming, StatsRound(docker.url, Clock()))
    docker.run("unseen", ["sh", "-c", BUSY])
    (unseen,) = docker.client.containers.list()
    first = psutil.Process(docker.client.api.inspect_container(unseen.id)["State"]["Pid"])
    wait_until(lambda: first.name() == "sleep", 20)
    engine.start()
    last_resort.start()
    try:
        wait_until(lambda: engine.containers, 10)
        wait_until(lambda: answered(last_resort), 5)
        last_resort.update((), 0.0)
        last_resort.update((), MISSING_SECONDS)
        wait_until(lambda: answered(last_resort), 8)
        last_resort.update((), MISSING_SECONDS + 1)
        yield last_resort
    finally:
        last_resort.stop()
        engine.stop()


def measured(last_resort):
    return {each.family: each.value for each in last_resort.samples()}


def test_a_round_begins_when_a_container_is_missed_and_not_half_a_minute_later(docker, last_resort):
    (unseen,) = docker.client.containers.list()
    found = measured(last_resort)
    assert 0 < found[catalogue.CONTAINER_CPU] <= cpu_seconds(unseen.id)
    assert found[catalogue.CONTAINER_WORKING_SET] > 32 << 20
    assert found[catalogue.CONTAINER_WORKING_SET] == pytest.approx(
        working_set_bytes(unseen.id), rel=0.03
    )


def test_readings_of_an_engine_that_hangs_are_held_a_while_and_then_gone(docker, last_resort):
    assert measured(last_resort)
    docker.stall()
    last_resort.update((), MISSING_SECONDS + 3 * ROUND_EVERY_SECONDS)
    assert measured(last_resort)
    last_resort.update((), MISSING_SECONDS + 4 * ROUND_EVERY_SECONDS)
    assert not measured(last_resort)
