"""What a sample of containers and of processes takes, beside a C program and the Docker API.

`python -m bench.containers [--containers N] [--processes N]`. CPU time of this process unless
said otherwise; rounds of what is compared alternate. Needs root, a Docker engine (Debian's
docker.io, busybox-static) and a C compiler.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import sleep

import psutil

from bench.rounds import Cost, Round, c_reader, costs, timed
from exporter import catalogue
from exporter.clock import Clock
from exporter.collectors.containers.collector import ContainersCollector
from exporter.collectors.containers.engine import Engine
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.names import Names
from exporter.collectors.containers.options import Options
from exporter.collectors.containers.sources import HostTree, Siblings
from exporter.collectors.containers.stats_api import StatsRound
from exporter.collectors.tasks.follower import Follower
from exporter.collectors.tasks.naming import Sources
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.tries import Tries
from exporter.filters import DagFilter
from exporter.identity.labels import LabelKeys
from exporter.identity.safe_names import SafeNames
from exporter.kernel.cgroup import Cgroup
from exporter.kernel.figures import BY_VERSION
from exporter.kernel.hierarchies import Home, found_hierarchies
from exporter.kernel.kept import Descriptors, descriptor_cap
from exporter.kernel.processes import process_ids
from exporter.telemetry.forms import Form
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from exporter.telemetry.text import TEXT
from tests.support.docker_engine import DockerEngine

TURNS = 20
BURST = 40
STATS_CONTAINERS = 16
FAST = ("cpu", "usage", "peak", "oom_kills")
READER_GOAL = 1.5
CORE_GOAL_PERCENT = 1.0
PROCESS_GOAL_MICROSECONDS = 15.0
_AT_ONCE = 4
_SETTLE_SECONDS = 0.02

Homes = Mapping[str, Home]
Measure = Callable[[Mapping[str, Round]], dict[str, Cost]]


def main() -> None:
    """Start everything, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--containers", type=int, default=120)
    parser.add_argument("--processes", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        docker = DockerEngine.start(Path(directory))
        try:
            _containers(docker, Path(directory), arguments.containers)
        finally:
            docker.close()
    _processes(arguments.processes)


def _containers(docker: DockerEngine, directory: Path, count: int) -> None:
    docker.import_busybox()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        run = pool.map(lambda n: docker.run(f"bench-{n}", ["sleep", "3600"]), range(count))
        ids = list(run)
    print(f"{count} containers run; microseconds of CPU per container{'':6}best       typical")
    hierarchies = found_hierarchies()
    homes = [hierarchies.at(f"/docker/{each}") for each in ids]
    pids = [min(process_ids(of["cpuacct"].directory) or [0]) for of in homes]
    states = _states(pids)
    readers = _readers(directory, homes, states)
    c = readers["nothing changed"]["c"]
    with _collector(docker, count) as (collector, clock):
        ticks = _ticks(collector, clock, states, c)
    _stats_api(docker, ids[:STATS_CONTAINERS], c)
    print("goal, a fast reading beside C's of all four files:")
    for state, cost in readers.items():
        ratio = cost["ours"].best / cost["c"].best
        print(f"  {state}: {_verdict(ratio, READER_GOAL)} x C")
    print(f"goal, 1,000 containers each second, extrapolated from {count}, % of a core:")
    for state, (sample, whole) in ticks.items():
        alone = readers[state]["c"].best
        print(
            f"  {state}: {_verdict(_percent(sample), CORE_GOAL_PERCENT)}; with store and scrape "
            f"{_percent(whole):.2f}; the C program alone {_percent(alone):.2f}"
        )


def _states(pids: Sequence[int]) -> dict[str, Measure]:
    """Return how rounds are measured, by what had happened before each."""
    return {
        "nothing changed": partial(costs, turns=BURST, burst=BURST),
        # What is measured is several: each waits for the others.
        "a second apart": partial(costs, turns=TURNS, before=partial(sleep, 0.5)),
        "each has run": partial(costs, turns=TURNS, before=partial(_stir, pids)),
    }


def _readers(
    directory: Path, homes: Sequence[Homes], states: Mapping[str, Measure]
) -> dict[str, dict[str, Cost]]:
    """Print what reading the files of the fast tick takes; return C's cost and ours by state."""
    files = [
        f"{of[source.controller].directory}/{source.file}"
        for of in homes
        for source in (getattr(BY_VERSION[of["cpuacct"].version], name) for name in FAST)
    ]
    descriptors = Descriptors(descriptor_cap())
    cgroups = [Cgroup(of, descriptors) for of in homes]
    ours = timed(lambda: [each.fast() for each in cgroups])
    count = len(homes)
    with c_reader(directory, files) as c:
        rounds = {"c": c, "ours": ours}
        found = {
            state: {name: each.each(count) for name, each in measure(rounds).items()}
            for state, measure in states.items()
        }
    for state, cost in found.items():
        _line(f"C, {state}: kept descriptors, pread, one pass", cost["c"])
        # Where nothing has run it leaves two of the files alone.
        _line(f"ours, {state}: Cgroup.fast(), the same figures", cost["ours"], cost["c"])
    naive = costs({"": timed(lambda: [_parsed(path) for path in files])}, TURNS)[""]
    _line("Python: open, read, parse all", naive.each(count), found["nothing changed"]["c"])
    for each in cgroups:
        each.close()
    return found


def _ticks(
    collector: ContainersCollector, clock: HandAhead, states: Mapping[str, Measure], c: Cost
) -> dict[str, tuple[float, float]]:
    """Print what a tick takes, from the directories to the scrape.

    Return the best by what had happened: of the sample alone, and with what follows from it.
    """
    store = Store(catalogue.FAMILIES, Limits(), Ledger(None, Clock()), Clock())
    store.exposition.body(Form(TEXT))
    batches = deque([collector.sample()], maxlen=1)
    # Those of another engine are read as well.
    count = len(batches[0].gauges["usage"]) // len(FAST)
    steps = {
        "a fast sample, names and samples made": timed(lambda: batches.append(collector.sample())),
        "the store takes it": timed(lambda: store.put(collector.name, batches[0])),
        "the scrape is rendered": timed(store.publish),
    }
    found = {state: measure(steps) for state, measure in states.items()}
    for state, of_steps in found.items():
        for what, cost in of_steps.items():
            _line(f"ours, {state}: {what}", cost.each(count), c)
    slow = costs({"slow": timed(collector.sample)}, TURNS // 4, before=clock.advance)["slow"]
    _line("ours: the sample that reads details as well", slow.each(count), c)
    best = {state: [cost.best / count for cost in each.values()] for state, each in found.items()}
    return {state: (each[0], sum(each)) for state, each in best.items()}


class HandAhead:
    """A clock that can be put forward, past any interval."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self.clock = Clock(monotonic=lambda: Clock().monotonic() + self._ahead)

    def advance(self) -> None:
        """Put it half an hour forward."""
        self._ahead += 2000.0


@contextmanager
def _collector(docker: DockerEngine, count: int) -> Iterator[tuple[ContainersCollector, HandAhead]]:
    """Yield a collector that knows all containers by name."""
    ahead = HandAhead()
    engine = Engine(docker.url, ahead.clock)
    naming = Naming(LabelKeys(), SafeNames(frozenset), DagFilter)
    collector = ContainersCollector(
        HostTree(found_hierarchies()),
        Siblings("/proc"),
        Names(naming, engine=engine),
        Descriptors(descriptor_cap()),
        ahead.clock,
        options=Options(details_interval_seconds=1000.0),
    )
    try:
        while len(collector.sample().gauges["usage"]) < count * len(FAST):
            sleep(0.1)
        yield collector, ahead
    finally:
        collector.close()


def _stir(pids: Sequence[int]) -> None:
    """Let each container use some CPU."""
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids:
            os.kill(pid, number)
    sleep(_SETTLE_SECONDS)


def _stats_api(docker: DockerEngine, ids: Sequence[str], c: Cost) -> None:
    daemons = [psutil.Process(docker.pid), *psutil.Process(docker.pid).children(recursive=True)]
    daemons = [each for each in daemons if each.name() in ("dockerd", "containerd")]
    stats = StatsRound(docker.url, Clock())

    def daemons_time() -> float:
        before = _cpu_seconds(daemons)
        stats.read(ids)
        return (_cpu_seconds(daemons) - before) * 1e6

    try:
        found = costs({"client": timed(lambda: stats.read(ids)), "engine": daemons_time}, 3)
    finally:
        stats.close()
    _line("Docker stats API, client alone", found["client"].each(len(ids)), c)
    _line("Docker stats API, the engine's share", found["engine"].each(len(ids)), c)


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    return float(sum(sum(each.cpu_times()[:2]) for each in processes))


def _processes(count: int) -> None:
    with _sleepers(count):
        descriptors = Descriptors(descriptor_cap())
        sources = Sources()
        tries = Tries(
            Procfs(Path("/proc"), descriptors), sources,
            first_look=0.0, remembered={}, clock=Clock(),
        )  # fmt: skip
        follower = Follower(tries, sources, slow_seconds=15.0, watch=None, clock=Clock())
        follower.read()
        # Young processes are described again: titles come after a fork.
        sleep(12.0)
        follower.read()
        there = len(psutil.pids())
        cost = costs({"processes": timed(follower.read)}, TURNS)["processes"].each(there)
        follower.close()
    _line(f"{there} processes: a fast sample of the tasks, each", cost)
    print(f"goal: {_verdict(cost.best, PROCESS_GOAL_MICROSECONDS)} microseconds")


@contextmanager
def _sleepers(count: int) -> Iterator[None]:
    loop = f"i=0; while [ $i -lt {count} ]; do sleep 3600 & i=$((i+1)); done; wait"
    shell = subprocess.Popen(["/bin/sh", "-c", loop], start_new_session=True)
    try:
        while len(psutil.Process(shell.pid).children()) < count:
            sleep(0.1)
        yield
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


def _parsed(path: str) -> dict[str, int]:
    with open(path, encoding="ascii") as file:  # noqa: PTH123 - the usual way is what is compared
        rows = [line.split() for line in file.read().splitlines()]
    return {row[0]: int(row[-1]) for row in rows}


def _line(what: str, cost: Cost, c: Cost | None = None) -> None:
    columns = [
        f"{of:9.2f}" + (f"{of / lower:7.2f} x C" if lower else " " * 11)
        for of, lower in zip(cost, c or (0.0, 0.0), strict=True)
    ]
    print(f"{what:62}{' '.join(columns)}", flush=True)


def _percent(microseconds: float) -> float:
    return 100 * 1000 * microseconds / 1e6


def _verdict(value: float, goal: float) -> str:
    return f"{'kept' if value <= goal else 'MISSED'} {value:.2f} <= {goal:.1f}"


if __name__ == "__main__":
    main()
