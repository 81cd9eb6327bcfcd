"""Options that say where settings, ledger and log are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter.config.option import option
from exporter.logs import FORMATS, LEVELS
from exporter.values import one_of


@dataclass(frozen=True)
class ProcessSettings:
    """Where the process finds its settings, keeps its ledger and writes its log."""

    config_file: Path | None = option(
        "--config.file", None, "YAML file with the same keys as the flags, nested.", Path, "FILE"
    )
    state_path: Path | None = option(
        "--state.path",
        None,
        "Directory of the ledger: with it, totals survive a restart and downtime is caught up. "
        "Without it, counters start at zero from now.",
        Path,
        "DIRECTORY",
    )
    log_level: str = option(
        "--log.level", "info", f"Least severe level that is logged ({', '.join(LEVELS)}).",
        one_of(*LEVELS), "LEVEL",
    )  # fmt: skip
    log_format: str | None = option(
        "--log.format", None,
        f"Form of the log ({', '.join(FORMATS)}); console on a terminal, else json.",
        one_of(*FORMATS), "FORMAT",
    )  # fmt: skip
