"""Real processes with Airflow's titles, and a follower that reads them as the collector does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from time import monotonic, sleep, time
from uuid import uuid4

import pytest

from exporter.clock import Clock
from exporter.collectors.loop import Loop
from exporter.collectors.tasks.follower import Follower
from exporter.collectors.tasks.naming import Sources
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.tries import Tries
from exporter.collectors.tasks.use import Use
from exporter.kernel.exits import ExitWatch
from exporter.kernel.kept import Descriptors
from tests.integration.collectors.tasks import supervisor

REPOSITORY = Path(__file__).parents[4]
TITLE_ROOM = "x" * 200


class Host:
    """A follower of this host and what it has told so far."""

    def __init__(self, sources=None, *, exits=True, first_look=None, remembered=None):
        self.descriptors = Descriptors(1000)
        self.exits = ExitWatch("test-exits", self.descriptors) if exits else None
        sources = sources or Sources()
        tries = Tries(
            Procfs(Path("/proc"), self.descriptors),
            sources,
            first_look=time() if first_look is None else first_look,
            remembered=remembered or {},
            clock=Clock(),
        )
        self.follower = Follower(
            tries,
            sources,
            slow_seconds=3.0,
            watch=self.exits.watch if self.exits else None,
            clock=Clock(),
        )
        self.readings = []
        self.read_at = None
        self.used = defaultdict(Use)
        self.ended = []
        self.read()
        self.glances = Loop("task-glances", self.follower.glance, lambda: 0.25) if exits else None
        if self.glances:
            self.glances.start()

    def read(self):
        reading = self.follower.read()
        self.read_at = self.follower._read_at
        self.follower.accepted()
        self.readings.append(reading)
        for name, used in reading.used.items():
            self.used[name] = self.used[name].plus(used)
        self.ended += reading.ended
        return reading

    def read_until(self, done, *, tick=1.0, timeout=60.0):
        deadline = monotonic() + timeout
        while not done():
            assert monotonic() < deadline, self.readings[-1]
            sleep(tick)
            self.read()
        return self.read()

    def close(self):
        if self.glances:
            self.glances.stop()
        if self.exits:
            self.exits.stop()
        self.follower.close()
        assert len(self.descriptors) <= 1  # loadavg


class Try:
    """A running supervisor with its task process."""

    def __init__(self, folder, task_id, workload, amount, *, style="3", log=True, **environment):
        self.name = (f"d{uuid4().hex}", task_id)
        path = "-"
        if log:
            path = folder / f"dag_id={self.name[0]}/run_id=r 1/task_id={task_id}/attempt=2.log"
            path.parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-S", supervisor.__file__),
                *(style, str(path), workload, str(amount), TITLE_ROOM),
            ],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        )

    def ended(self, host):
        """Return the ends that a host was told of; others may run tries at the same time."""
        return [one for one in host.ended if (one.task.dag_id, one.task.task_id) == self.name]

    def done(self):
        return self.process.poll() is not None

    def truth(self):
        return json.loads(self.process.stdout.read())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def host():
    hosts = []

    def make(*arguments, **options):
        hosts.append(Host(*arguments, **options))
        return hosts[-1]

    yield make
    for each in hosts:
        each.close()


@pytest.fixture
def start(tmp_path):
    tries = []

    def make(*arguments, **options):
        tries.append(Try(tmp_path, *arguments, **options))
        return tries[-1]

    yield make
    for each in tries:
        each.close()
