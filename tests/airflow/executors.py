"""How tries get to processes: the executors that a cluster may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.redis import RedisServer


@dataclass(frozen=True)
class Executor:
    """An executor and what it needs in a cluster."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """By what follows AIRFLOW__ in the variable."""
    components: tuple[tuple[str, ...], ...] = ()
    """Commands of `airflow` that run beside those of every cluster."""


LOCAL = Executor("LocalExecutor")


def celery(redis: RedisServer, concurrency: int) -> Executor:
    """Return Celery with one worker, whose so many pool processes serve try after try."""
    return Executor(
        "CeleryExecutor",
        {
            "CELERY__BROKER_URL": redis.url,
            "CELERY__WORKER_CONCURRENCY": str(concurrency),
        },
        (("celery", "worker", "--skip-serve-logs"),),
    )
