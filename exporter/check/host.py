"""What `check` finds of the host: its containers, its tasks, who tells whose they are."""

from __future__ import annotations

import os
import pwd
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from time import sleep

from exporter import catalogue
from exporter.check.finding import Finding
from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.collectors.tasks.titles import titled
from exporter.config import Settings
from exporter.errors import SourceUnavailableError
from exporter.identity.downward import DownwardVolume
from exporter.kernel.hierarchies import found_hierarchies
from exporter.parts.containers import containers_collector, has_engine, refuses_engine
from exporter.parts.surroundings import Surroundings, dag_filter
from exporter.parts.tasks import tasks_collector
from exporter.samples import Batch
from exporter.telemetry.store import Store

_PATIENCE_SECONDS = 3.0
"""How long the engine and Kubernetes may take to answer for the first time."""
_MOST_USERS = 5
_FIX = "see docs/containers.md for what each way of running needs"
_REFUSED = Finding(
    "docker engine", is_bad=False, is_warning=True,
    text="there is one that we may not ask: its containers go by their short ids",
    fix="--docker.host none leaves it alone; the right to use its socket is as good as root",
)  # fmt: skip


def host_findings(
    settings: Settings, environ: Mapping[str, str], store: Store, clock: Clock
) -> Iterator[Finding]:
    """Try the collectors that are switched on, and the engine that they would follow."""
    around = Surroundings(
        settings,
        environ,
        clock,
        dags=lambda: dag_filter(settings),
        known_tasks=frozenset,
        identities=dict,
    )
    if (pod := around.own_pod()) is not None:
        yield _pod(pod)
    if settings.containers:
        if has_engine(settings, environ):
            yield _engine(settings)
        elif refuses_engine(settings, environ):
            yield _REFUSED
        yield from _containers(containers_collector(around), clock)
        if not found_hierarchies(str(settings.procfs), str(settings.cgroupfs)).by_controller:
            text = f"none below {settings.cgroupfs}: only containers whose processes we see"
            yield Finding("cgroups", is_bad=False, text=text, fix=_FIX, is_warning=True)
    if settings.tasks:
        yield from _tasks(settings, tasks_collector(around, store.checkpoint, None))


def _pod(volume: DownwardVolume) -> Finding:
    try:
        pod = volume.pod()
    except SourceUnavailableError as error:
        fix = "mount the downward API's volume there, and give its place to --kubernetes.pod-info"
        return Finding("pod", is_bad=True, text=str(error), fix=fix)
    text = f"{len(pod.annotations)} annotations and {len(pod.labels)} labels of {pod.name or 'it'}"
    return Finding("pod", is_bad=False, text=text)


def _engine(settings: Settings) -> Finding:
    import docker  # noqa: PLC0415 - 18 MB, for a command that ends

    subject = "docker engine"
    try:
        # Without an address the library asks DOCKER_HOST and then the usual socket, as we do.
        named = settings.docker_host
        client = docker.DockerClient(base_url=named, timeout=5) if named else docker.from_env()
        with closing(client):
            found = client.info()
    except (docker.errors.DockerException, OSError, ValueError):
        return Finding(
            subject, is_bad=True, text="it cannot be asked",
            fix="give --docker.host the engine's address and us the right to use it, or none",
        )  # fmt: skip
    version, driver = found.get("ServerVersion"), found.get("CgroupDriver")
    cgroups = found.get("CgroupVersion", "1")
    text = f"version {version}, cgroup v{cgroups} by {driver}, {found.get('ContainersRunning')} run"
    return Finding(subject, is_bad=False, text=text)


def _containers(collector: Collector, clock: Clock) -> Iterator[Finding]:
    try:
        batch = _sampled(collector, clock)
    except SourceUnavailableError as error:
        yield Finding("containers", is_bad=True, text=str(error), fix=_FIX)
        return
    finally:
        collector.close()
    if batch.trouble is not None:
        yield Finding("containers", is_bad=True, text=batch.trouble, fix=_FIX)
    found = [each for each in batch.gauges["usage"] if each.family is catalogue.CONTAINER_CPU]
    served = sum(each.labels[3] is not None for each in found)
    text = f"{len(found)} are measured, {served} of them serve one task"
    yield Finding("containers", is_bad=False, text=text)


def _sampled(collector: Collector, clock: Clock) -> Batch:
    """Sample until nobody is waited for any more, and once more: names come after containers."""
    deadline = clock.monotonic() + _PATIENCE_SECONDS
    batch = collector.sample()
    while batch.trouble is not None and clock.monotonic() < deadline:
        sleep(0.1)
        batch = collector.sample()
    return collector.sample()


def _tasks(settings: Settings, collector: Collector) -> Iterator[Finding]:
    try:
        batch = collector.sample()
    except SourceUnavailableError as error:
        yield Finding("tasks", is_bad=True, text=str(error), fix="set --path.procfs")
        return
    finally:
        collector.close()
    values: Counter[str] = Counter()
    for each in batch.gauges["tasks"]:
        values[each.family.name] += int(each.value)
    running = values[catalogue.TASK_RUNNING.name]
    nameless = values[catalogue.TASK_UNATTRIBUTED.name]
    text = f"{running} tries run here, {nameless} task processes have no name"
    if not nameless:
        yield Finding("tasks", is_bad=False, text=text)
        return
    users = ", ".join(_users(settings.procfs)) or "nobody that can be told"
    yield Finding(
        "tasks",
        is_bad=False,
        text=f"{text}; those of tasks run as {users}, we as {_user(os.geteuid())}",
        fix="run with the tasks' user id, or give the database's address: see docs/tasks.md",
        # They may be another Airflow's on this host, whose tasks are none of ours.
        is_warning=True,
    )


def _users(procfs: Path) -> list[str]:
    """Return whose processes are titled as a try's."""
    import psutil  # noqa: PLC0415 - for a command that ends: it reads all there is of a process

    psutil.PROCFS_PATH = str(procfs)
    found = set()
    with suppress(OSError):
        for process in psutil.process_iter(["cmdline", "uids"]):
            cmdline, uids = process.info["cmdline"], process.info["uids"]
            if cmdline and uids and titled(" ".join(cmdline).encode(errors="replace")):
                found.add(uids.effective)
    return [_user(each) for each in sorted(found)[:_MOST_USERS]]


def _user(uid: int) -> str:
    """Return a user as `id` writes one."""
    try:
        return f"{uid}({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return str(uid)
