"""What the parts of one process have in common."""

from __future__ import annotations

import os
from contextlib import closing

from exporter.clock import Clock
from exporter.config import Settings
from exporter.filters import DagFilter
from exporter.kernel.kept import Descriptors
from exporter.parts.containers import NO_ENGINE, containers_collector
from exporter.parts.surroundings import Surroundings
from exporter.parts.tasks import tasks_collector


def test_what_collectors_keep_open_is_counted_together() -> None:
    around = Surroundings(
        Settings(docker_host=NO_ENGINE), {}, Clock(), dags=DagFilter, known_tasks=frozenset,
        identities=dict, descriptors=Descriptors(1),
    )  # fmt: skip
    with (
        closing(tasks_collector(around, lambda _: {}, None)) as tasks,
        closing(containers_collector(around)) as containers,
    ):
        assert containers._descriptors is around.descriptors
        assert tasks._exits.watch(os.getpid(), list)
        assert not containers._exits.watch(os.getpid(), list)
        assert not around.descriptors.take()
