"""Where the collector looks for containers."""

from __future__ import annotations

from contextlib import closing

import pytest

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
from exporter.kernel.hierarchies import hierarchies_in
from exporter.kernel.kept import Descriptors


def collector(root):
    """Return one that cannot look at processes."""
    return ContainersCollector(
        HostTree(hierarchies_in(str(root))),
        Siblings(str(root / "nowhere")),
        Names(Naming(LabelKeys(), SafeNames(set), DagFilter)),
        Descriptors(100),
        Clock(),
        options=Options(),
    )


def test_processes_are_looked_at_only_where_the_tree_may_lack_containers(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("memory\n")
    with closing(collector(tmp_path)) as host:
        assert host.sample().trouble is None
    # Only the root of all has no such file: this is a container's own.
    (tmp_path / "cgroup.events").write_text("populated 1\n")
    with closing(collector(tmp_path)) as beside, pytest.raises(SourceUnavailableError):
        beside.sample()
