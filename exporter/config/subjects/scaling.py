"""Options that say what decides how many workers are desired."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.config.option import duration, on_or_off, option
from exporter.values import count, positive_count


@dataclass(frozen=True)
class ScalingSettings:
    """What decides how many workers are desired."""

    scaling: bool = on_or_off(
        "--scaling", True, "Tell by queue how many workers are desired (docs/scaling.md)."
    )
    scaling_concurrency: int = option(
        "--scaling.concurrency", 16, "Task slots of one worker (Airflow's worker_concurrency).",
        positive_count, "NUMBER",
    )  # fmt: skip
    scaling_min_workers: int = option(
        "--scaling.min-workers", 1, "Fewest workers of a queue.", count, "NUMBER"
    )
    scaling_max_workers: int | None = option(
        "--scaling.max-workers", None, "Most workers of a queue; never more are asked for.", count,
        "NUMBER",
    )  # fmt: skip
    scaling_drain_target: float = duration(
        "--scaling.drain-target", 120.0, "Within which time what is queued should have started."
    )
    scaling_boot_time: float = duration(
        "--scaling.boot-time", 90.0,
        "How long a worker takes from being asked for to taking tasks: so far the schedule is "
        "looked ahead.",
    )  # fmt: skip
    scaling_parallelism: int | None = option(
        "--scaling.parallelism", None,
        "Airflow's [core] parallelism: more workers than the schedulers keep busy are not asked "
        "for.",
        positive_count, "NUMBER",
    )  # fmt: skip
