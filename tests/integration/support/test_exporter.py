"""Tests of the daemon's harness, on a stand-in for the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.exporter import ExporterProcess

_STAND_IN = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

BODY = b'# TYPE a counter\\na_total{b="c"} 3.0\\n'

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path in ("/-/ready", "/metrics")
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(BODY if found else b"")

print(sorted(os.environ), sys.argv[1:], flush=True)
if "--fail" in sys.argv:
    sys.exit("no such flag")
if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
host, port = sys.argv[sys.argv.index("--web.listen-address") + 1].split(":")
HTTPServer((host, int(port)), Handler).serve_forever()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    package = tmp_path / "stand-in" / "exporter"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_STAND_IN)
    return {"PYTHONPATH": str(package.parent), "MARKER": "theirs"}


@pytest.fixture
def daemon(tmp_path: Path, environment: dict[str, str]) -> Iterator[ExporterProcess]:
    with ExporterProcess(tmp_path, environment=environment) as daemon:
        daemon.wait_ready()
        yield daemon


def test_a_scrape_is_parsed_into_values(daemon: ExporterProcess) -> None:
    assert daemon.families() == {("a_total", frozenset({("b", "c")})): 3.0}
    assert daemon.rss_bytes() > 1_000_000


def test_a_scrape_that_is_not_200_raises(daemon: ExporterProcess) -> None:
    assert daemon.request("/nowhere").status == 404
    with pytest.raises(RuntimeError, match="404"):
        daemon.scrape("/nowhere")


def test_the_daemon_sees_only_the_variables_it_is_given(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "ours")
    with ExporterProcess(tmp_path, environment=environment) as daemon:
        daemon.wait_ready()
        assert "AIRFLOW_HOME" not in daemon.log()
        assert "'MARKER'" in daemon.log()


def test_an_orderly_end_gives_the_exit_code(daemon: ExporterProcess) -> None:
    assert daemon.terminate() == 0
    assert daemon.exit_code == 0


def test_a_daemon_that_does_not_end_is_killed_and_reported(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with ExporterProcess(tmp_path, "--deaf", environment=environment) as daemon:
        daemon.wait_ready()
        with pytest.raises(TimeoutError):
            daemon.terminate(timeout=0.2)
        assert not psutil.pid_exists(daemon.pid)


def test_a_daemon_that_ends_before_ready_shows_its_log(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with ExporterProcess(tmp_path, "--fail", environment=environment) as daemon:
        with pytest.raises(RuntimeError, match="no such flag"):
            daemon.wait_ready()
        assert daemon.wait() == 1


def test_a_daemon_starts_again_where_the_last_one_was(
    daemon: ExporterProcess, tmp_path: Path, environment: dict[str, str]
) -> None:
    daemon.kill()
    with ExporterProcess(tmp_path, environment=environment, port=daemon.port) as second:
        second.wait_ready()
        assert second.url == daemon.url
