"""The tasks collector, and who takes over what tries used."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exporter.collectors.tasks.collector import TasksCollector
from exporter.collectors.tasks.follower import Follower
from exporter.collectors.tasks.logfile import DEFAULT_TEMPLATE
from exporter.collectors.tasks.naming import Sources
from exporter.collectors.tasks.own_cgroup import working_set
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.reading import Ended
from exporter.collectors.tasks.tries import Tries
from exporter.config import Settings
from exporter.errors import ConfigError
from exporter.forward.forwarder import Forwarder
from exporter.forward.receiver import Receiver
from exporter.forward.totals import Totals
from exporter.identity.own_task import OwnTask
from exporter.identity.safe_names import SafeNames
from exporter.kernel.exits import ExitWatch
from exporter.parts.surroundings import Surroundings
from exporter.samples import EntryKey


def tasks_collector(
    around: Surroundings,
    checkpoint: Callable[[str], Mapping[EntryKey, str]],
    forwarder: Forwarder | None,
) -> TasksCollector:
    """Build the tasks collector; what a try used is handed to the forwarder when it ends.

    `checkpoint` returns what a collector of that name has kept.
    """
    settings = around.settings
    sources = _sources(around)
    procfs = Procfs(settings.procfs, around.descriptors)
    exits = ExitWatch("task-exits", around.descriptors)

    def follow(remembered: Mapping[str, str], first_look: float) -> Follower:
        tries = Tries(
            procfs, sources, first_look=first_look, remembered=remembered, clock=around.clock
        )
        return Follower(
            tries,
            sources,
            slow_seconds=settings.tasks_details_interval,
            # A pidfd is got by a number, which in another namespace is somebody else's.
            watch=exits.watch if procfs.numbers_are_ours() else None,
            clock=around.clock,
        )

    return TasksCollector(
        follow,
        checkpoint(TasksCollector.name),
        around.clock,
        exits=exits,
        dags=around.dags,
        hand_over=_handing_over(forwarder) if forwarder else None,
    )


def _sources(around: Surroundings) -> Sources:
    """Tell by what processes are named."""
    settings = around.settings
    pod = around.own_pod()
    own_task = OwnTask(pod, SafeNames(around.known_tasks), around.label_keys) if pod else None
    return Sources(
        users=frozenset(settings.task_users),
        pod=own_task.task if own_task else lambda: None,
        log_template=settings.log_pattern or DEFAULT_TEMPLATE,
        read_environ=settings.read_environ,
        container=lambda pid: working_set(str(settings.procfs), pid, around.descriptors),
        identity=lambda text: around.identities().get(text),
    )


def receiver(settings: Settings, url: str) -> Receiver:
    """Build who asks another exporter to take tries over; raise ConfigError for what cannot be."""
    if not settings.tasks or settings.pod_info is None:
        message = (
            "--forward.url: needs --collector.tasks, and --kubernetes.pod-info to tell which task "
            "this pod is for"
        )
        raise ConfigError(message)
    if not settings.pod_info.is_dir():
        # Without it tries of others on this host would be taken for this pod's.
        message = f"--kubernetes.pod-info {settings.pod_info}: there is no such directory"
        raise ConfigError(message)
    if settings.state_path is not None:
        # What is handed over at the end would be remembered as counted, and handed over again.
        message = (
            "--forward.url: the other exporter keeps what a try used, so leave out --state.path "
            "here"
        )
        raise ConfigError(message)
    return Receiver(url, token_file=settings.forward_token_file, ca_file=settings.forward_ca_file)


def _handing_over(to: Forwarder) -> Callable[[Ended], None]:
    def hand_over(ended: Ended) -> None:
        used = ended.used
        totals = Totals(
            ended.task, used.cpu_seconds, ended.peak_bytes, used.read_bytes, used.written_bytes
        )
        to.send(totals)

    return hand_over
