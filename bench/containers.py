"""What a sample of containers and of processes takes, beside a C program and the Docker API.

`python -m bench.containers [--containers N] [--processes N]`. CPU time of this process unless
said otherwise, so that a busy machine disturbs little; medians of several rounds. Needs root, a
Docker engine (Debian's docker.io, busybox-static) and a C compiler.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import process_time, sleep

import psutil

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
from exporter.kernel.hierarchies import found_hierarchies
from exporter.kernel.kept import Descriptors, descriptor_cap
from tests.support.docker_engine import DockerEngine

ROUNDS = 30
C_ROUNDS = 200
STATS_CONTAINERS = 16
FAST = ("cpu", "usage", "peak", "oom_kills")
READER_GOAL = 1.5
CORE_GOAL_PERCENT = 1.0
PROCESS_GOAL_MICROSECONDS = 15.0
_AT_ONCE = 4
_SOURCE = Path(__file__).with_name("cgroup_reader.c")


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
    print(f"{count} containers run; CPU time in microseconds per container")
    hierarchies = found_hierarchies()
    homes = [hierarchies.at(f"/docker/{each}") for each in ids]
    files = [
        f"{of[source.controller].directory}/{source.file}"
        for of in homes
        for source in (getattr(BY_VERSION[of["cpuacct"].version], name) for name in FAST)
    ]
    descriptors = Descriptors(descriptor_cap())
    cgroups = [Cgroup(of, descriptors) for of in homes]
    c = _c_program(directory, files) / count
    ours = _median(lambda: [each.fast() for each in cgroups]) / count
    naive = _median(lambda: [_parsed(path) for path in files]) / count
    _line("C: kept descriptors, pread, one pass", c)
    _line("ours: Cgroup.fast(), the same files", ours, c)
    _line("Python: open, read, parse all", naive, c)
    fast, slow = _collector(docker, count)
    _line("ours: a whole fast sample, names and samples made", fast / count, c)
    _line("ours: the sample that reads details as well", slow / count, c)
    client, daemons = _stats_api(docker, ids[:STATS_CONTAINERS])
    _line("Docker stats API, client alone", client, c)
    _line("Docker stats API, the engine's share", daemons, c)
    share = 100 * fast / count * 1000 / 1e6
    print(f"goals: {_verdict(ours / c, READER_GOAL)} x C for the same files; ", end="")
    print(
        f"{_verdict(share, CORE_GOAL_PERCENT)} % of a core for 1,000 containers each second, "
        f"extrapolated from {count}"
    )


def _collector(docker: DockerEngine, count: int) -> tuple[float, float]:
    ahead = 0.0
    clock = Clock(monotonic=lambda: Clock().monotonic() + ahead)
    engine = Engine(docker.url, clock)
    naming = Naming(LabelKeys(), SafeNames(frozenset), DagFilter)
    collector = ContainersCollector(
        HostTree(found_hierarchies()),
        Siblings("/proc"),
        Names(naming, engine=engine),
        Descriptors(descriptor_cap()),
        clock,
        options=Options(details_interval_seconds=1000.0),
    )
    try:
        while len(collector.sample().gauges["usage"]) < count:
            sleep(0.1)
        fast = _median(collector.sample)
        slow = []
        for _ in range(5):
            ahead += 2000.0
            slow.append(_median(collector.sample, rounds=1))
        return fast, median(slow)
    finally:
        collector.close()


def _stats_api(docker: DockerEngine, ids: Sequence[str]) -> tuple[float, float]:
    daemons = [psutil.Process(docker.pid), *psutil.Process(docker.pid).children(recursive=True)]
    daemons = [each for each in daemons if each.name() in ("dockerd", "containerd")]
    stats = StatsRound(docker.url, Clock())
    try:
        before = _cpu_seconds(daemons)
        client = _median(lambda: stats.read(ids), rounds=3)
        spent = (_cpu_seconds(daemons) - before) / 3 * 1e6
        return client / len(ids), spent / len(ids)
    finally:
        stats.close()


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
        each = _median(follower.read) / there
        follower.close()
    print(f"{there} processes: {each:.2f} microseconds each in a fast sample of the tasks")
    print(f"goal: {_verdict(each, PROCESS_GOAL_MICROSECONDS)} microseconds")


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


def _c_program(directory: Path, files: Sequence[str]) -> float:
    """Return the microseconds of one round over all files."""
    program = directory / "cgroup_reader"
    subprocess.run(["cc", "-O2", "-o", program, _SOURCE], check=True)
    times = []
    for _ in range(5):
        done = subprocess.run(
            [program, str(C_ROUNDS)], input="\n".join(files), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        times.append(int(done.stdout) / 1000 / C_ROUNDS)
    return median(times)


def _parsed(path: str) -> dict[str, int]:
    with open(path, encoding="ascii") as file:  # noqa: PTH123 - the usual way is what is compared
        rows = [line.split() for line in file.read().splitlines()]
    return {row[0]: int(row[-1]) for row in rows}


def _median(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the microseconds of CPU that one round takes."""
    times = []
    for _ in range(rounds):
        began = process_time()
        work()
        times.append((process_time() - began) * 1e6)
    return median(times)


def _line(what: str, microseconds: float, c: float | None = None) -> None:
    ratio = "" if c is None else f"{microseconds / c:10.2f} x C"
    print(f"{what:52}{microseconds:12.2f}{ratio}", flush=True)


def _verdict(value: float, goal: float) -> str:
    return f"{'kept' if value <= goal else 'MISSED'} {value:.2f} <= {goal:.1f}"


if __name__ == "__main__":
    main()
