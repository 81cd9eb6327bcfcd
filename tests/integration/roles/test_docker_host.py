"""On a Docker host: the engine stops, hangs and comes back, and every scrape is answered."""

from __future__ import annotations

import threading
from time import monotonic, sleep

import pytest

from tests.support.exporter import ExporterProcess
from tests.support.promtool import NO_PROMTOOL, check_metrics, promtool_binary
from tests.support.require import require

DOWN_SECONDS = 20
"""A hang is noticed within 8 s; the machine may be busy."""
SLOWEST_SCRAPE_SECONDS = 2.0


class Daemon:
    """The exporter on an engine, scraped five times a second until it ends."""

    def __init__(self, directory, url, *arguments):
        self.process = ExporterProcess(
            directory,
            "--no-collector.airflow",
            "--no-collector.tasks",
            "--collector.containers.interval",
            "1s",
            "--docker.host",
            url,
            *arguments,
        )
        self.latest = {}
        self.text = ""
        self.slowest = 0.0
        self.failed = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._scrape_on, daemon=True)

    def __enter__(self):
        self.process.wait_ready(20)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end_scrapes()
        self.process.kill()

    def terminate(self, seconds):
        """Ask the exporter to end, when nobody scrapes it any more; return its exit code."""
        self._end_scrapes()
        return self.process.terminate(seconds)

    def _end_scrapes(self):
        self._stop.set()
        self._thread.join(10)

    def until(self, condition, seconds=DOWN_SECONDS):
        deadline = monotonic() + seconds
        while not condition():
            assert monotonic() < deadline, f"{self.text}\n{self.process.log()}"
            sleep(0.05)

    @property
    def success(self):
        return 'collector_success{collector="containers"} 1\n' in self.text

    @property
    def down(self):
        return 'collector_success{collector="containers"} 0\n' in self.text

    def tells(self, container):
        return f'container_cpu_usage_seconds_total{{container="{container}"' in self.text

    def _scrape_on(self):
        while not self._stop.wait(0.2):
            started = monotonic()
            try:
                self.text = self.process.scrape()
            except (AssertionError, OSError) as error:
                self.failed.append(repr(error))
            self.slowest = max(self.slowest, monotonic() - started)


@pytest.fixture
def daemon(docker, tmp_path):
    with Daemon(tmp_path, docker.url) as daemon:
        yield daemon
        assert daemon.failed == []
        assert daemon.slowest < SLOWEST_SCRAPE_SECONDS
        assert "Traceback" not in daemon.process.log()
        assert '"reason": "bug"' not in daemon.process.log()


def test_while_the_engine_hangs_its_containers_are_measured_on(docker, daemon):
    docker.run("works", ["sleep", "600"])
    daemon.until(lambda: daemon.success and daemon.tells("works"))
    docker.stall()
    daemon.until(lambda: daemon.down)
    assert daemon.tells("works")
    docker.resume()
    daemon.until(lambda: daemon.success)
    docker.run("later", ["sleep", "600"])
    daemon.until(lambda: daemon.tells("later"))
    assert daemon.terminate(2) == 0


def test_an_engine_that_stops_and_starts_again_is_followed_again(docker, daemon):
    daemon.until(lambda: daemon.success)
    docker.stop()
    daemon.until(lambda: daemon.down)
    docker.start_again()
    # The pause between two tries grows to half a minute in a long outage.
    daemon.until(lambda: daemon.success, 45)
    docker.run("after", ["sleep", "600"])
    daemon.until(lambda: daemon.tells("after"))


def test_the_end_comes_in_time_while_the_engine_hangs(docker, daemon):
    daemon.until(lambda: daemon.success)
    docker.stall()
    daemon.until(lambda: daemon.down)
    started = monotonic()
    daemon._stop.set()
    daemon._thread.join(5)
    assert daemon.terminate(5) == 0
    assert monotonic() - started < 3.0


def test_another_first_word_for_every_family_of_containers(docker, tmp_path):
    require(promtool_binary() is not None, NO_PROMTOOL)
    docker.run("works", ["sleep", "600"])
    prefix = ("--containers.metric-prefix", "airflow_container")
    with Daemon(tmp_path, docker.url, *prefix) as daemon:
        daemon.until(lambda: "airflow_container_cpu_usage_seconds_total{" in daemon.text)
        assert "\ncontainer_" not in daemon.text
        assert check_metrics(daemon.text) == []


def test_without_cgroup_files_the_engine_tells_only_if_it_may(docker, tmp_path):
    docker.run("works", ["sleep", "600"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "proc" / "1").mkdir(parents=True)
    nothing = (
        "--path.cgroupfs", str(tmp_path / "empty"), "--path.procfs", str(tmp_path / "proc"),
    )  # fmt: skip
    with Daemon(tmp_path, docker.url, *nothing) as daemon:
        daemon.until(lambda: "are not in sight" in daemon.process.log())
        daemon.until(lambda: daemon.down)
    with Daemon(tmp_path, docker.url, *nothing, "--docker.stats-api") as daemon:
        daemon.until(lambda: daemon.tells("works"), 60)
        daemon.until(lambda: daemon.success)
