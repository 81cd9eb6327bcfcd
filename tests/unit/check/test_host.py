"""What `check` finds of a host, where it takes another host or another user to see it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from exporter import catalogue
from exporter.check.host import host_findings
from exporter.clock import Clock
from exporter.config import Settings
from exporter.parts import containers
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store


def lines(directory: Path, **more: object) -> list[str]:
    """Return what is found of a host without processes and with no cgroup but the root."""
    (directory / "cgroup.controllers").touch()
    settings = Settings(tasks=False, procfs=directory, cgroupfs=directory, **more)  # type: ignore[arg-type]
    clock = Clock()
    store = Store(catalogue.FAMILIES, Limits(), Ledger(None, clock), clock)
    return [str(each) for each in host_findings(settings, {}, store, clock)]


def test_an_engine_whose_socket_is_not_ours_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setattr(containers, "_USUAL_ENGINE", path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not any("docker engine" in line for line in lines(tmp_path))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        assert lines(tmp_path)[0].startswith("warn docker engine: there is one that we may not ask")
        assert not any("docker engine" in line for line in lines(tmp_path, docker_host="none"))
