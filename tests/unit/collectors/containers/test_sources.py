"""Containers in the tree of the host: what is beyond its bounds is said so."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from exporter.collectors.containers import sources
from exporter.collectors.containers.sources import WALK_SECONDS, HostTree
from exporter.kernel import tree
from exporter.kernel.hierarchies import Hierarchies, Hierarchy


@pytest.mark.parametrize(
    ("module", "bound"), [(tree, "MOST_DIRECTORIES"), (sources, "MAX_CONTAINERS")]
)
def test_that_not_all_are_measured_is_told_once(tmp_path, monkeypatch, module, bound):
    monkeypatch.setattr(module, bound, 3)
    host = HostTree(Hierarchies({"memory": Hierarchy(1, str(tmp_path))}))
    with capture_logs() as logs:
        for moment, digits in enumerate(("ab", "cd", "e")):
            for digit in digits:
                (tmp_path / "docker" / (digit * 64)).mkdir(parents=True)
            host.found(moment * WALK_SECONDS)
            assert [log["event"] for log in logs] == ["containers.bounded"] * (moment > 0)
