"""Where the collector looks for containers, and when it looks for the last time."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from time import monotonic, sleep
from uuid import uuid4

import pytest

from exporter import catalogue
from exporter.clock import Clock
from exporter.collectors.containers.collector import ContainersCollector
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.names import Names
from exporter.collectors.containers.options import Options
from exporter.collectors.containers.sources import HostTree, Siblings
from exporter.errors import SourceUnavailableError
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys
from exporter.identity.safe_names import SafeNames
from exporter.kernel.hierarchies import found_hierarchies, hierarchies_in
from exporter.kernel.kept import Descriptors
from tests.unit.kernel.kernel import real_cgroup, remove


def collector(hierarchies):
    """Return one that cannot look at processes."""
    return ContainersCollector(
        HostTree(hierarchies),
        Siblings("/nowhere"),
        Names(Naming(LabelKeys(), SafeNames(set), DagFilter)),
        Descriptors(100),
        Clock(),
        options=Options(),
    )


def test_processes_are_looked_at_only_where_the_tree_may_lack_containers(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("memory\n")
    with closing(collector(hierarchies_in(str(tmp_path)))) as host:
        assert host.sample().trouble is None
    # Only the root of all has no such file: this is a container's own.
    (tmp_path / "cgroup.events").write_text("populated 1\n")
    with (
        closing(collector(hierarchies_in(str(tmp_path)))) as beside,
        pytest.raises(SourceUnavailableError),
    ):
        beside.sample()


@pytest.fixture
def container():
    """Yield the id of a new container, and its directories."""
    name = uuid4().hex * 2
    with real_cgroup() as (_, directories):
        homes = [directory / name for directory in directories]
        for home in homes:
            home.mkdir()
        yield name, homes
        remove(homes)


def test_the_last_figures_are_read_when_the_first_process_has_ended(container):
    name, homes = container
    program = "import time; input(); t = time.process_time\nend = t() + .3\nwhile t() < end: pass"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    for home in homes:
        (home / "cgroup.procs").write_text(str(child.pid))
    with closing(collector(found_hierarchies())) as host:
        before = used(host, name)
        child.communicate(b"go\n")
        # Told in a thread of its own; who is late finds nothing any more.
        deadline = monotonic() + 5
        while host._members[name].cpu_seconds < before + 0.25:
            assert monotonic() < deadline
            sleep(0.01)
        remove(homes)
        assert used(host, name) > before + 0.25


def used(host, name):
    samples = host.sample().gauges["usage"]
    return next(
        each.value
        for each in samples
        if each.family is catalogue.CONTAINER_CPU and each.labels[2] == name[:12]
    )
