"""Containers of a real Docker engine: what is exposed is what the kernel says, and all of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from time import sleep

import pytest

from exporter import catalogue
from exporter.clock import Clock
from exporter.collectors.containers.collector import LINGER_SECONDS, ContainersCollector
from exporter.collectors.containers.engine import Engine
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.names import Names
from exporter.collectors.containers.options import Options
from exporter.collectors.containers.sources import HostTree, Siblings
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys
from exporter.identity.safe_names import SafeNames
from exporter.kernel.hierarchies import found_hierarchies
from exporter.kernel.kept import Descriptors, descriptor_cap
from exporter.kernel.parse import field, number

CONTAINERS = 50
CYCLES = 200
AT_ONCE = 4
BUSY = "i=0; while [ $i -lt {turns} ]; do i=$((i+1)); done"
HIERARCHIES = found_hierarchies()


class Host:
    """A containers collector of this machine, with a clock that can be put forward."""

    def __init__(self, docker):
        self.ahead = 0.0
        system = Clock()
        clock = Clock(monotonic=lambda: system.monotonic() + self.ahead)
        engine = Engine(docker.url, clock, lambda told: self.collector.started(told))  # noqa: PLW0108
        naming = Naming(LabelKeys(), SafeNames(set), DagFilter)
        self.descriptors = Descriptors(descriptor_cap())
        self.collector = ContainersCollector(
            HostTree(HIERARCHIES),
            Siblings("/proc"),
            Names(naming, engine=engine),
            self.descriptors,
            clock,
            options=Options(details_interval_seconds=0.0),
        )
        self.sets = {}
        self.values = {}
        self.trouble = None

    def sample(self):
        batch = self.collector.sample()
        self.collector.accepted()
        self.trouble = batch.trouble
        self.values = {}
        self.sets.update(batch.gauges)
        for sample in chain.from_iterable(self.sets.values()):
            key = (sample.family, sample.labels)
            assert key not in self.values, "a series stands twice"
            self.values[key] = sample.value

    def of(self, family):
        """Return the family's values by container name."""
        return {labels[2]: value for (each, labels), value in self.values.items() if each is family}

    @property
    def unattributed(self):
        return self.values.get((catalogue.CONTAINER_UNATTRIBUTED_CPU, ("docker",)), 0.0)

    def wait_for(self, names):
        for _ in range(200):
            self.sample()
            if self.trouble is None and names <= self.of(catalogue.CONTAINER_CPU).keys():
                return
            sleep(0.1)
        message = f"{names - self.of(catalogue.CONTAINER_CPU).keys()} are not told"
        raise TimeoutError(message)


@pytest.fixture
def host(docker):
    host = Host(docker)
    yield host
    host.collector.close()


def content(path, controller, v1, v2):
    home = HIERARCHIES.at(path)[controller]
    return (Path(home.directory) / (v1 if home.version == 1 else v2)).read_bytes()


def open_files():
    """Count our descriptors but for the sockets of the tests' own client."""
    links = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sum(not link.startswith("socket:") for link in links)


def used_seconds(path):
    home = HIERARCHIES.at(path)["cpuacct"]
    data = content(path, "cpuacct", "cpuacct.usage", "cpu.stat")
    return number(data) / 1e9 if home.version == 1 else field(data, b"usage_usec") / 1e6


def is_as_the_kernel_says(host, name, container_id):
    path = f"/docker/{container_id}"
    usage = number(content(path, "memory", "memory.usage_in_bytes", "memory.current"))
    peak = number(content(path, "memory", "memory.max_usage_in_bytes", "memory.peak"))
    return (
        host.of(catalogue.CONTAINER_CPU)[name] == pytest.approx(used_seconds(path), rel=0.02)
        and host.of(catalogue.CONTAINER_USAGE)[name] == usage
        and host.of(catalogue.CONTAINER_PEAK)[name] == peak
    )


def remove(path):
    """Remove a cgroup everywhere."""
    for home in HIERARCHIES.at(path).values():
        with suppress(FileNotFoundError):
            Path(home.directory).rmdir()


def settle(path):
    """Wait until what runs there has become idle."""
    before = -1.0
    while (now := used_seconds(path)) != before:
        before = now
        sleep(1.0)


def test_what_is_exposed_is_what_the_kernel_says(docker, host):
    def run(index):
        command = ["sh", "-c", BUSY.format(turns=2_000 * (index + 1)) + "; exec sleep 600"]
        labels = {"dag_id": "load", "task_id": f"task-{index}"}
        return docker.run(f"load-{index}", command, labels=labels, mem_limit="64m")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ids = {f"load-{index}": each for index, each in enumerate(pool.map(run, range(CONTAINERS)))}
    settle("/docker")
    host.wait_for(ids.keys())
    different = ids.keys()
    for _ in range(20):
        # What a container holds may still move between our reading and the test's.
        host.sample()
        different = {name for name in different if not is_as_the_kernel_says(host, name, ids[name])}
        if not different:
            break
        sleep(0.5)
    assert different == set()
    assert set(host.of(catalogue.CONTAINER_MEMORY_LIMIT).values()) >= {64 * 2**20}
    tasks = {labels[-2:] for family, labels in host.values if family is catalogue.CONTAINER_CPU}
    assert {("load", f"task-{index}") for index in range(CONTAINERS)} <= tasks


def test_no_cpu_is_lost_and_nothing_of_the_dead_stays(docker, host):
    docker.run("stays", ["sleep", "600"])
    host.wait_for({"stays"})
    before = used_seconds("/docker")
    unattributed = host.unattributed
    finals = {"stays": 0.0}
    own = host.of(catalogue.CONTAINER_CPU)["stays"]
    kept, opened = len(host.descriptors), open_files()

    def cycle(index):
        name = f"cycle-{index}"
        docker.run(name, ["sh", "-c", BUSY.format(turns=20_000)])
        docker.client.api.wait(name)
        docker.remove(name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(cycle, index) for index in range(CYCLES)]
        while not all(each.done() for each in running):
            host.sample()
            finals.update(host.of(catalogue.CONTAINER_CPU))
            sleep(0.5)
        for each in running:
            each.result()
    host.sample()
    finals.update(host.of(catalogue.CONTAINER_CPU))
    counted = sum(finals.values()) - own + host.unattributed - unattributed
    assert counted == pytest.approx(used_seconds("/docker") - before, rel=0.01)
    told = sum(name.startswith("cycle-") for name in finals)
    # Most are caught at their end; of the others the parent tells.
    assert told > CYCLES / 2
    host.ahead += LINGER_SECONDS + 1.0
    host.sample()
    assert host.of(catalogue.CONTAINER_CPU).keys() == {"stays"}
    assert len(host.descriptors) == kept
    assert open_files() == opened


def test_what_no_sample_saw_is_told_by_what_held_it(docker):
    host = Host(docker)
    host.collector._names._engine = None
    pod = "/kubepods/burstable/pod0a1b2c3d-0000-4000-8000-0123456789ab"
    try:
        docker.run("first", ["true"])  # an engine makes the cgroup when it needs it
        docker.remove("first")
        host.sample()
        before = used_seconds("/docker")
        for name, parent in (("alone", None), ("in-a-pod", pod)):
            docker.run(name, ["sh", "-c", BUSY.format(turns=20_000)], cgroup_parent=parent)
            docker.client.api.wait(name)
            docker.remove(name)
        remove(pod)
        host.sample()
        told = {labels: value for (each, labels), value in host.values.items()
                if each is catalogue.CONTAINER_UNATTRIBUTED_CPU}  # fmt: skip
        used = {("docker",): used_seconds("/docker") - before, ("pod",): used_seconds("/kubepods")}
        assert min(used.values()) > 0
        assert told == pytest.approx(used, rel=0.01)
    finally:
        host.collector.close()
        remove(str(Path(pod).parent))
        remove("/kubepods")


def test_what_a_container_used_before_it_was_started_again_is_told_once(docker, host):
    command = ["sh", "-c", BUSY.format(turns=400_000) + "; exec sleep 600"]
    docker.run("again", command)
    host.wait_for({"again"})
    settle("/docker")
    host.sample()
    first, unattributed = host.of(catalogue.CONTAINER_CPU)["again"], host.unattributed
    docker.client.api.restart("again", timeout=0)
    for _ in range(50):
        host.sample()
        if host.of(catalogue.CONTAINER_CPU)["again"] < first:
            break
        sleep(0.05)
    else:
        pytest.fail("its second life is not told")
    assert host.unattributed - unattributed < first / 2


def test_an_ended_container_lingers_and_the_next_of_its_name_takes_over(docker, host):
    first = docker.run("again", ["sleep", "600"])
    host.wait_for({"again"})
    docker.remove("again")
    sleep(0.5)
    host.sample()
    assert "again" in host.of(catalogue.CONTAINER_CPU)
    assert first not in {
        labels[3] for family, labels in host.values if family is catalogue.TASK_CONTAINER_INFO
    }
    second = docker.run("again", ["sh", "-c", BUSY.format(turns=50_000) + "; exec sleep 600"])
    settle("/docker")
    host.wait_for({"again"})
    cpu = host.of(catalogue.CONTAINER_CPU)["again"]
    assert cpu == pytest.approx(used_seconds(f"/docker/{second}"), rel=0.02)


def test_a_container_without_an_engine_goes_by_its_short_id(docker):
    host = Host(docker)
    host.collector._names._engine = None
    try:
        each = docker.run("nameless", ["sleep", "600"])
        host.sample()
        assert each[:12] in host.of(catalogue.CONTAINER_CPU)
    finally:
        host.collector.close()
