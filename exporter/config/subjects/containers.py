"""Options that say how containers are found and measured, and where the kernel tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter import catalogue
from exporter.config.option import duration, on_or_off, option
from exporter.values import metric_prefix


def container_prefix(text: str) -> str:
    """Read the first word of the names of containers' families; no two families may share one."""
    names = catalogue.renamed(metric_prefix(text))
    if taken := (catalogue.BY_NAME.keys() - names.keys()) & {*names.values()}:
        message = f"a word that leaves other families their names, such as {min(taken)}"
        raise ValueError(message)
    return text


@dataclass(frozen=True)
class ContainerSettings:
    """How containers are found and measured, and where the kernel tells of them."""

    containers: bool = on_or_off(
        "--collector.containers", True, "Read CPU and memory of containers from their cgroups."
    )
    containers_interval: float = duration(
        "--collector.containers.interval", 5.0,
        "How often CPU, memory in use, its peak and OOM kills are read.",
    )  # fmt: skip
    containers_timeout: float = duration(
        "--collector.containers.timeout", 5.0, "How long one sample of the containers may take."
    )
    containers_details_interval: float = duration(
        "--collector.containers.details-interval", 15.0,
        "How often the parts of memory, limits, throttling and pressure are read.",
    )  # fmt: skip
    metric_prefix: str = option(
        "--containers.metric-prefix", catalogue.CONTAINER_PREFIX,
        "First word of the container_* names; airflow_container where cAdvisor or a kubelet is "
        "scraped as well.",
        container_prefix, "PREFIX",
    )  # fmt: skip
    dag_label: tuple[str, ...] = option(
        "--containers.dag-label", ("dag_id",),
        "Container label that names the DAG; may be given several times, the first found counts.",
        repeatable=True, metavar="LABEL",
    )  # fmt: skip
    task_label: tuple[str, ...] = option(
        "--containers.task-label", ("task_id",), "Likewise for the task.", repeatable=True,
        metavar="LABEL",
    )  # fmt: skip
    docker_host: str | None = option(
        "--docker.host", None,
        "Address of the Docker engine, or none; else DOCKER_HOST, else the usual socket, if there.",
        str, "URL",
    )  # fmt: skip
    docker_stats: bool = on_or_off(
        "--docker.stats-api",
        False,
        "Ask the engine for what no cgroup file tells. Slow: one to two seconds a container.",
    )
    procfs: Path = option(
        "--path.procfs", Path("/proc"), "Where the processes are found.", Path, "DIRECTORY"
    )
    cgroupfs: Path = option(
        "--path.cgroupfs", Path("/sys/fs/cgroup"), "Where the cgroups are found.", Path,
        "DIRECTORY",
    )  # fmt: skip
