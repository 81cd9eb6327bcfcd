"""Settings to collectors: what each is made of. What a collector needs is loaded with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.clock import Clock
from exporter.config import Settings
from exporter.dsn import DsnSource, discovered
from exporter.errors import ConfigError
from exporter.filters import DagFilter
from exporter.logs import Redactor
from exporter.model import Task
from exporter.telemetry.store import Store

if TYPE_CHECKING:
    from exporter.collectors.airflow.collector import AirflowCollector
    from exporter.collectors.airflow.options import Options
    from exporter.collectors.containers.collector import ContainersCollector
    from exporter.collectors.tasks.collector import TasksCollector
    from exporter.collectors.tasks.reading import Ended
    from exporter.forward import Forwarder
    from exporter.identity.downward import DownwardVolume
    from exporter.identity.labels import LabelKeys
    from exporter.identity.pods import PodList
    from exporter.kernel.exits import ExitWatch

NO_ENGINE = "none"
"""The address of an engine that is not to be asked."""
_USUAL_ENGINE = Path("/var/run/docker.sock")


def dsn_source(settings: Settings, environ: Mapping[str, str], redactor: Redactor) -> DsnSource:
    """Find the database's address, and have it parsed once so that a bad one stops the start."""
    source = discovered(
        environ,
        dsn_file=settings.dsn_file,
        airflow_home=settings.airflow_home,
        allow_command=settings.allow_dsn_command,
        on_secrets=redactor.add,
    )
    source.dsn()
    return source


def airflow_collector(
    settings: Settings, source: DsnSource, store: Store, clock: Clock
) -> AirflowCollector:
    """Build the Airflow collector; SQLAlchemy is loaded here, for those who use it."""
    from exporter.collectors.airflow.collector import AirflowCollector  # noqa: PLC0415
    from exporter.collectors.airflow.engine import Database  # noqa: PLC0415

    database = Database(source.dsn, settings.airflow_timeout)
    entries = store.checkpoint(AirflowCollector.name)
    return AirflowCollector(database, airflow_options(settings), entries, clock)


def airflow_options(settings: Settings) -> Options:
    """Return the settings that the Airflow collector goes by."""
    from exporter.collectors.airflow.options import Options  # noqa: PLC0415

    return Options(
        schema_name=settings.airflow_schema,
        timeout_seconds=settings.airflow_timeout,
        overlap_seconds=settings.overlap,
        facts_interval_seconds=settings.airflow_facts_interval,
        heartbeat_timeout_seconds=settings.heartbeat_timeout,
        default_queue=settings.default_queue,
        dags=dag_filter(settings),
        team=settings.team,
    )


def dag_filter(settings: Settings) -> DagFilter:
    """Return which DAGs are exposed."""
    return DagFilter(settings.dag_include, settings.dag_exclude)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the collectors of containers and of tasks have in common."""

    settings: Settings
    environ: Mapping[str, str]
    store: Store
    clock: Clock
    _: KW_ONLY
    dags: Callable[[], DagFilter]
    """The filters as they are set now."""
    known_tasks: Callable[[], Collection[tuple[str, str]]]
    """DAG and task ids that the database knows; the same object while nothing changed."""
    identities: Callable[[], Mapping[str, Task]]
    """Tries by what the titles of their processes hold, as the database tells."""

    @property
    def label_keys(self) -> LabelKeys:
        """The labels that name the DAG and the task."""
        from exporter.identity.labels import LabelKeys  # noqa: PLC0415

        return LabelKeys(self.settings.dag_label, self.settings.task_label)

    def own_pod(self) -> DownwardVolume | None:
        """Return what tells of the pod that we run in."""
        from exporter.identity.downward import DownwardVolume  # noqa: PLC0415

        directory = self.settings.pod_info
        return DownwardVolume(directory, self.environ) if directory else None


def containers_collector(around: Surroundings) -> ContainersCollector:
    """Build the containers collector, and who tells it whose the containers are."""
    from exporter.collectors.containers.collector import ContainersCollector  # noqa: PLC0415
    from exporter.collectors.containers.engine import Engine  # noqa: PLC0415
    from exporter.collectors.containers.identity import Naming  # noqa: PLC0415
    from exporter.collectors.containers.last_resort import LastResort  # noqa: PLC0415
    from exporter.collectors.containers.names import Names  # noqa: PLC0415
    from exporter.collectors.containers.options import Options  # noqa: PLC0415
    from exporter.collectors.containers.sources import HostTree, Siblings  # noqa: PLC0415
    from exporter.collectors.containers.stats_api import StatsRound  # noqa: PLC0415
    from exporter.identity.safe_names import SafeNames  # noqa: PLC0415
    from exporter.kernel.hierarchies import found_hierarchies  # noqa: PLC0415
    from exporter.kernel.kept import Descriptors, descriptor_cap  # noqa: PLC0415

    settings, clock = around.settings, around.clock
    engine = None
    if has_engine(settings, around.environ):
        # The collector is made below, of what this engine tells among others.
        engine = Engine(settings.docker_host, clock, lambda told: collector.started(told))  # noqa: PLW0108
    naming = Naming(around.label_keys, SafeNames(around.known_tasks), around.dags)
    last_resort = None
    if engine is not None:
        stats = StatsRound(settings.docker_host, clock) if settings.docker_stats else None
        last_resort = LastResort(engine, naming, stats)
    names = Names(
        naming,
        engine=engine,
        pods=_pod_list(settings),
        own_pod=around.own_pod(),
    )
    hierarchies = found_hierarchies(str(settings.procfs), str(settings.cgroupfs))
    collector = ContainersCollector(
        HostTree(hierarchies),
        Siblings(str(settings.procfs)),
        names,
        Descriptors(descriptor_cap()),
        clock,
        options=Options(settings.containers_details_interval),
        last_resort=last_resort,
    )
    return collector


def tasks_collector(around: Surroundings, forwarder: Forwarder | None) -> TasksCollector:
    """Build the tasks collector; what a try used is handed to the forwarder when it ends."""
    from exporter.collectors.tasks.collector import TasksCollector  # noqa: PLC0415
    from exporter.collectors.tasks.follower import Follower  # noqa: PLC0415
    from exporter.collectors.tasks.logfile import DEFAULT_TEMPLATE  # noqa: PLC0415
    from exporter.collectors.tasks.naming import Sources  # noqa: PLC0415
    from exporter.collectors.tasks.own_cgroup import working_set  # noqa: PLC0415
    from exporter.collectors.tasks.procfs import Procfs  # noqa: PLC0415
    from exporter.identity.own_task import OwnTask  # noqa: PLC0415
    from exporter.identity.safe_names import SafeNames  # noqa: PLC0415
    from exporter.kernel.kept import Descriptors, descriptor_cap  # noqa: PLC0415

    settings = around.settings
    descriptors = Descriptors(descriptor_cap())
    pod = around.own_pod()
    own_task = OwnTask(pod, SafeNames(around.known_tasks), around.label_keys) if pod else None
    sources = Sources(
        pod=own_task.task if own_task else lambda: None,
        log_template=settings.log_pattern or DEFAULT_TEMPLATE,
        read_environ=settings.read_environ,
        container=lambda pid: working_set(str(settings.procfs), pid, descriptors),
        identity=lambda text: around.identities().get(text),
    )
    procfs = Procfs(settings.procfs, descriptors)

    def follow(remembered: Mapping[str, str], first_look: float, exits: ExitWatch) -> Follower:
        return Follower(
            procfs,
            sources,
            first_look=first_look,
            slow_seconds=settings.tasks_details_interval,
            remembered=remembered,
            watch=exits.watch,
            clock=around.clock,
        )

    return TasksCollector(
        follow,
        around.store.checkpoint(TasksCollector.name),
        around.clock,
        dags=around.dags,
        hand_over=_handing_over(forwarder) if forwarder else None,
    )


def forwarder(settings: Settings) -> Forwarder | None:
    """Build who hands tries over to another exporter; raise ConfigError for what cannot be."""
    if settings.forward_url is None:
        return None
    if not settings.tasks or settings.pod_info is None:
        message = (
            "--forward.url: needs --collector.tasks, and --kubernetes.pod-info to tell which task "
            "this pod is for"
        )
        raise ConfigError(message)
    from exporter.forward import Forwarder  # noqa: PLC0415

    return Forwarder(
        settings.forward_url,
        token_file=settings.forward_token_file,
        ca_file=settings.forward_ca_file,
    )


def _handing_over(to: Forwarder) -> Callable[[Ended], None]:
    from exporter.forward import Totals  # noqa: PLC0415

    def hand_over(ended: Ended) -> None:
        used = ended.used
        totals = Totals(
            ended.task, used.cpu_seconds, ended.peak_bytes, used.read_bytes, used.written_bytes
        )
        to.send(totals)

    return hand_over


def has_engine(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Tell whether there is a Docker engine to follow: one is named, or the usual one is there."""
    if named := settings.docker_host or environ.get("DOCKER_HOST"):
        return named != NO_ENGINE
    try:
        return stat.S_ISSOCK(_USUAL_ENGINE.stat().st_mode) and os.access(_USUAL_ENGINE, os.W_OK)
    except OSError:
        return False


def _pod_list(settings: Settings) -> PodList | None:
    from exporter.identity.pods import PodList  # noqa: PLC0415

    if settings.pods_url is None:
        return None
    return PodList(
        settings.pods_url,
        settings.pods_token_file,
        settings.pods_ca_file,
        settings.pods_node,
        origin="--kubernetes.pods-url",
    )
