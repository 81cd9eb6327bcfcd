"""The probe that containers run: it tells an exporter that answers from one that does not."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.identity.stub import Stub, answers
from tests.integration.web.world import ALONE, CLIENT, LOGIN, World, guarded, mutual
from tests.support.exporter import ExporterProcess

__all__ = ["guarded", "mutual"]


def probed(*url: str) -> tuple[int, str]:
    """Return the probe's exit status, and what it says."""
    command = [sys.executable, "-I", "-m", "exporter.probe", *url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert not done.stdout
    return done.returncode, done.stderr.strip()


def test_an_exporter_is_well_until_it_hangs_or_ends(tmp_path: Path) -> None:
    with ExporterProcess(tmp_path, *ALONE) as daemon:
        daemon.wait_ready()
        url = f"{daemon.url}/-/ready"
        assert probed(url) == (0, "")
        # HTTPS is not spoken there: whoever says it is has made a mistake.
        assert probed(url.replace("http", "https"))[0] == 1
        daemon.signal(signal.SIGSTOP)
        assert probed(url) == (1, f"{url}: no answer within 2 s")
        daemon.signal(signal.SIGCONT)
        assert daemon.terminate() == 0
        assert probed(url) == (1, f"{url}: [Errno 111] Connection refused")


def test_one_that_says_what_is_wrong_is_not_well() -> None:
    with Stub(answers(503, b"waiting for the first sample of: airflow\n")) as server:
        url = f"{server.url}/-/ready"
        assert probed(url) == (1, f"{url}: 503 waiting for the first sample of: airflow")


def test_one_that_wants_a_password_is_well_by_refusing(guarded: World) -> None:
    with guarded.serve(headers=LOGIN) as daemon:
        daemon.wait_ready()
        assert probed(f"https://127.0.0.1:{daemon.port}/-/ready") == (0, "")
        assert probed(f"http://127.0.0.1:{daemon.port}/-/ready")[0] == 1


@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
def test_one_that_wants_a_certificate_is_well_by_refusing(mutual: World, version: str) -> None:
    text = mutual.file.read_text()
    mutual.file.write_text(text.replace("TLS13", f"TLS12\n  max_version: {version}"))
    with mutual.serve(client=mutual.authority.issue("good", CLIENT)) as daemon:
        daemon.wait_ready()
        url = f"https://127.0.0.1:{daemon.port}/-/healthy"
        assert probed(url) == (0, "")


def test_a_port_that_is_open_and_silent_is_no_exporter() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert probed(f"https://127.0.0.1:{port}/-/healthy")[0] == 1
