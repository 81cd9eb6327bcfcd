"""The daemon behind its door: curl, a real Prometheus, a certificate that changes under load."""

from __future__ import annotations

import signal
import threading
from http.client import HTTPException
from pathlib import Path

import bcrypt
import pytest
import yaml

from tests.integration.web.world import (
    CLIENT,
    EXAMPLES,
    LOGIN,
    PASSWORD,
    USER,
    World,
    curl,
    guarded,
    mutual,
)
from tests.support.certificates import Issued
from tests.support.exporter import ExporterProcess
from tests.support.prometheus import NO_PROMETHEUS, Prometheus, prometheus_binary
from tests.support.promtool import NO_PROMTOOL, check_web_config, promtool_binary
from tests.support.require import require

__all__ = ["guarded", "mutual"]
GOOD = "airflow_perf_exporter_config_last_reload_successful"


def metrics(daemon: ExporterProcess) -> str:
    return f"https://127.0.0.1:{daemon.port}/metrics"


@pytest.mark.parametrize("example", sorted(each.name for each in EXAMPLES.iterdir()))
def test_promtool_takes_what_is_shipped(tmp_path: Path, example: str) -> None:
    require(promtool_binary(), NO_PROMTOOL)
    world = World.of(tmp_path / "world", example)
    assert check_web_config(world.file) == []
    world.file.write_text("nonsense: 1")
    assert check_web_config(world.file) != []


@pytest.mark.parametrize("guess", [PASSWORD, USER, "password", "admin", ""])
def test_what_is_shipped_lets_nobody_in_before_it_has_a_password(guess: str) -> None:
    users = yaml.safe_load((EXAMPLES / "web-config.yml").read_text())["basic_auth_users"]
    assert not bcrypt.checkpw(guess.encode(), users[USER].encode())


def test_curl_needs_the_password(guarded: World) -> None:
    with guarded.serve(headers=LOGIN) as daemon:
        daemon.wait_ready()
        ca = ("--cacert", guarded.authority.cert)
        assert curl(*ca, "--user", f"{USER}:{PASSWORD}", metrics(daemon)) == (0, "200")
        for wrong in ("prometheus:wrong", "nobody:change me"):
            assert curl(*ca, "--user", wrong, metrics(daemon)) == (0, "401")
        assert curl(*ca, metrics(daemon)) == (0, "401")
        assert curl(*ca, f"https://127.0.0.1:{daemon.port}/-/healthy") == (0, "401")
        # 60: the server is not trusted; 52 and 56: no HTTP is spoken here.
        assert curl(metrics(daemon))[0] == 60
        assert curl(metrics(daemon).replace("https", "http"))[0] in (52, 56)
        answer = daemon.request("/metrics")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert answer.headers["x-frame-options"] == "deny"
        assert "change me" not in daemon.log()
        assert daemon.terminate() == 0


def test_curl_needs_a_certificate_that_is_let_in(mutual: World) -> None:
    good = mutual.authority.issue("good", CLIENT)
    with mutual.serve(client=good) as daemon:
        daemon.wait_ready()

        def status(client: Issued | None, *more: str) -> tuple[int, str]:
            shown = ("--cert", client.cert, "--key", client.key) if client else ()
            return curl("--cacert", mutual.authority.cert, *shown, *more, metrics(daemon))

        assert status(good) == (0, "200")
        assert status(mutual.authority.issue("other", "DNS:other.example")) == (0, "403")
        assert status(None)[1] == "000"
        assert status(good, "--tls-max", "1.2")[1] == "000"


@pytest.mark.parametrize("example", ["guarded", "mutual"])
def test_prometheus_scrapes_by_its_own_configuration(
    example: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    require(prometheus_binary(), NO_PROMETHEUS)
    world: World = request.getfixturevalue(example)
    client = world.authority.issue("prometheus", CLIENT)
    scrape = f"scheme: https\ntls_config: {{ca_file: {world.authority.cert}"
    if example == "guarded":
        scrape += f"}}\nbasic_auth: {{username: {USER}, password: {PASSWORD}}}"
    else:
        scrape += f", cert_file: {client.cert}, key_file: {client.key}}}"
    with world.serve(client=client, headers=LOGIN) as daemon:
        daemon.wait_ready()
        with Prometheus(tmp_path, [f"127.0.0.1:{daemon.port}"], "a", scrape=scrape) as prometheus:
            prometheus.wait_for("up == 1", 1)
            prometheus.wait_for("airflow_perf_exporter_build_info", 1)


class Load:
    """Scrapers that ask again and again on new connections, and note what fails."""

    def __init__(self, daemon: ExporterProcess, scrapers: int) -> None:
        self.failed: list[str] = []
        self.good = 0
        self._daemon = daemon
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(scrapers)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._daemon.request("/metrics")
            except (OSError, HTTPException) as error:
                self.failed.append(repr(error))
                continue
            if answer.status == 200:
                self.good += 1
            else:
                self.failed.append(str(answer.status))


def test_a_certificate_is_rotated_under_load_without_a_failed_scrape(guarded: World) -> None:
    with guarded.serve(headers=LOGIN) as daemon:
        daemon.wait_ready()
        load = Load(daemon, 4)
        try:
            for number in range(5):
                guarded.install(guarded.authority.issue(f"server-{number}"))
                wanted = number + 1
                daemon._child.wait_until(
                    lambda wanted=wanted: daemon.log().count("web.config_reloaded") >= wanted, 30
                )
        finally:
            load.end()
        assert load.failed == []
        print(f"{load.good} scrapes, 5 rotations")
        assert load.good > 20


def test_a_bad_file_is_told_and_changes_nothing(guarded: World) -> None:
    with guarded.serve(headers=LOGIN) as daemon:
        daemon.wait_ready()
        said = guarded.file.read_text()
        guarded.file.write_text("nonsense: 1")
        daemon.wait_for(f"{GOOD} 0")
        assert "web.yml" not in daemon.log()
        assert "web-config.yml: nonsense: no such key" in daemon.log()
        guarded.file.write_text(said.replace("prometheus:", "somebody:"))
        daemon._child.wait_until(lambda: daemon.request("/").status == 401, 20)


def test_a_reload_of_a_bad_file_is_told_until_the_file_is_good(guarded: World) -> None:
    settings = guarded.folder / "exporter.yml"
    settings.write_text("{}")
    given = ("--config.file", str(settings))
    with guarded.serve(*given, headers=LOGIN) as daemon:
        daemon.wait_ready()
        said = guarded.file.read_text()
        guarded.file.write_text("nonsense: 1")
        settings.write_text("web: {telemetry-path: /elsewhere}")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for(f"{GOOD} 0")
        # Settings that are good do not wait for the door.
        daemon._child.wait_until(lambda: "config.reloaded" in daemon.log(), 20)
        guarded.file.write_text(said)
        daemon.wait_for(f"{GOOD} 1")


def test_a_bad_file_at_the_start_is_one_sentence(guarded: World) -> None:
    guarded.file.write_text("basic_auth_users: {prometheus: hunter2}")
    with guarded.serve() as daemon:
        assert daemon.wait() == 2
        assert daemon.log() == (
            f"airflow-perf-exporter: {guarded.file}: basic_auth_users.prometheus: must be a bcrypt "
            "hash, as `htpasswd -nBC 10 NAME` writes it\n"
        )
