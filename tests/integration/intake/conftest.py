"""A daemon that takes pushes and samples no database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.intake.senders import JSON, TRIES
from tests.support.exporter import ExporterProcess
from tests.support.ports import free_port

FAST = ("--series.hold", "500ms", "--rows.grace", "500ms")
ALONE = ("--no-collector.airflow", "--no-collector.containers", "--no-collector.tasks")


@dataclass
class Taker:
    """The daemon, and the port where it takes pushes; it can be killed and started again."""

    directory: Path
    arguments: tuple[str, ...]
    port: int
    intake_port: int
    process: ExporterProcess

    def post(self, body: bytes, **headers: str) -> int:
        """Post once on a connection of its own and return the status."""
        connection = HTTPConnection("127.0.0.1", self.intake_port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("POST", TRIES, body, {**JSON, **named})
            return connection.getresponse().status
        finally:
            connection.close()

    def start(self) -> None:
        self.process = started(self.directory, self.arguments, self.port, self.intake_port)

    def totals(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Scrape the counters that pushes feed."""
        return {
            (name, tuple(sorted(labels))): value
            for (name, labels), value in self.process.families().items()
            if name.startswith(("data_", "task_")) and name.endswith("_total")
        }


def started(
    directory: Path, arguments: tuple[str, ...], port: int, intake_port: int
) -> ExporterProcess:
    address = f"127.0.0.1:{intake_port}"
    return ExporterProcess(
        directory, "--web.enable-intake", "--web.intake-address", address, *arguments, port=port
    )


def taker(directory: Path, *arguments: str) -> Taker:
    port, intake_port = free_port(), free_port()
    process = started(directory, arguments, port, intake_port)
    return Taker(directory, arguments, port, intake_port, process)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Taker]:
    """Yield a daemon without a database, with a ledger."""
    made = taker(tmp_path, *ALONE, *FAST, "--state.path", str(tmp_path / "state"))
    try:
        made.process.wait_ready()
        yield made
    finally:
        made.process.kill()
