"""The `check` command: every prerequisite tried once, one finding a line, with its fix."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from exporter import catalogue
from exporter.check.finding import Finding
from exporter.check.host import host_findings
from exporter.check.needless import needless
from exporter.check.web import web_findings
from exporter.clock import Clock
from exporter.collectors.dbt.files import signatures
from exporter.config import Settings, unknown_variables
from exporter.errors import SourceUnavailableError
from exporter.insight.baselines.file import baselines
from exporter.logs import Redactor
from exporter.parts.rows import rules
from exporter.telemetry import ledger_file
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.store import Limits, Store

_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"}
)


def findings(
    settings: Settings, environ: Mapping[str, str], redactor: Redactor
) -> Iterator[Finding]:
    """Try everything that the daemon needs; raise ConfigError for settings that cannot be used."""
    clock = Clock()
    # A store without a ledger: what is tried here must not be counted anywhere.
    store = Store(catalogue.FAMILIES, Limits(), Ledger(None, clock), clock)
    yield Finding("configuration", is_bad=False, text=str(settings.config_file or "flags only"))
    yield from _warnings(unknown_variables(environ))
    known = len(baselines(settings.baselines_file))
    origin = settings.baselines_file or "the shipped file"
    yield Finding("baselines", is_bad=False, text=f"{known} in {origin}")
    yield from _rows(settings)
    yield from web_findings(settings, clock)
    yield from _state(settings)
    if settings.enable_intake:
        from exporter.check.intake import intake_findings  # noqa: PLC0415 - loads msgspec

        yield from intake_findings(settings, redactor)
    if settings.airflow:
        from exporter.check.airflow import airflow_findings  # noqa: PLC0415 - loads SQLAlchemy
        from exporter.parts.airflow import dsn_source, scaling_policy  # noqa: PLC0415

        scaling_policy(settings)
        source = dsn_source(settings, environ, redactor)
        dsn = source.dsn()
        yield Finding("database address", is_bad=False, text=f"{dsn.redacted} from {source.origin}")
        yield from _warnings(needless(settings, dsn))
        yield from airflow_findings(settings, source, store, clock)
    yield from host_findings(settings, environ, store, clock)


def _warnings(texts: Iterable[str]) -> Iterator[Finding]:
    for text in texts:
        yield Finding("configuration", is_bad=False, text=text, is_warning=True)


def _rows(settings: Settings) -> Iterator[Finding]:
    if settings.rows_file is not None:
        rules(settings)
        yield Finding("rows", is_bad=False, text=f"the rules of {settings.rows_file} can be used")
    if (directory := settings.dbt_path) is None:
        return
    try:
        found = len(signatures(directory))
    except SourceUnavailableError as error:
        yield Finding("dbt", is_bad=True, text=str(error), fix="make the directory readable")
    else:
        yield Finding("dbt", is_bad=False, text=f"{found} run_results.json below {directory}")


def _state(settings: Settings) -> Iterator[Finding]:
    path = settings.state_path
    if path is None:
        yield Finding(
            "state", is_bad=False, text="in memory: counters start at zero with each start",
            fix="set --state.path to keep them",
        )  # fmt: skip
        return
    if (kind := _file_system(path)) in _NETWORK_FILE_SYSTEMS:
        yield Finding(
            "state", is_bad=True, text=f"{path} is on {kind}, where SQLite's WAL is not safe",
            fix="give a directory on a local disk",
        )  # fmt: skip
        return
    problem = _state_problem(path)
    if problem is None:
        yield Finding("state", is_bad=False, text=f"{path} can be written")
    else:
        fix = f"let uid {os.getuid()} write there, or give another --state.path"
        yield Finding("state", is_bad=True, text=problem, fix=fix)


def _state_problem(path: Path) -> str | None:
    """Look, and change nothing: a running exporter may have the directory open."""
    existing = path.absolute()
    while not existing.exists() and not existing.is_symlink():
        existing = existing.parent
    if not existing.is_dir():
        return f"{existing} is not a directory"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{existing} cannot be written"
    return ledger_file.problem(path / "ledger.sqlite")


def _file_system(path: Path) -> str:
    """Return the type of the file system that would hold the path, as the kernel names it."""
    wanted = path.absolute()
    best, kind = "", ""
    for line in (
        Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    ):
        _, mount_point, found, *_ = line.split(" ")
        if wanted.is_relative_to(mount_point) and len(mount_point) >= len(best):
            best, kind = mount_point, found
    return kind
