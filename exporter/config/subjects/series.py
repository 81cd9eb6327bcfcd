"""Options that say what is exported: baselines, families, and how many children."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter import catalogue
from exporter.config.option import duration, option
from exporter.values import count, seconds


def existing_family(text: str) -> str:
    """Read the name of a metric family that the catalogue declares."""
    if text not in catalogue.BY_NAME:
        message = "the name of an exported metric family"
        raise ValueError(message)
    return text


@dataclass(frozen=True)
class SeriesSettings:
    """What is exported: baselines, families, and how many children."""

    baselines_file: Path | None = option(
        "--baselines.file", None,
        "YAML file of what stages and components should reach; without it, the shipped one.",
        Path, "FILE",
    )  # fmt: skip
    disabled: tuple[str, ...] = option(
        "--metrics.disable", (), "Metric family that is not exposed; may be given several times.",
        existing_family, "FAMILY", repeatable=True,
    )  # fmt: skip
    hold: float = duration(
        "--series.hold", 60.0,
        "How long a new series is published at 0 before it counts, so that increase() sees it.",
        seconds,
    )  # fmt: skip
    idle_expiry: float = duration(
        "--series.idle-expiry", 7 * 86400.0, "How long an idle counter or histogram stays."
    )
    max_histogram_children: int = option(
        "--series.max-histogram-children", 10_000, "Most label sets of one histogram.", count,
        "NUMBER",
    )  # fmt: skip
    max_per_family: int = option(
        "--series.max-per-family", 50_000, "Most label sets of any other family.", count, "NUMBER"
    )
