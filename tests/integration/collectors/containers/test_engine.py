"""The set of running containers on a real Docker engine that ends, hangs and comes back."""

from __future__ import annotations

from time import monotonic, sleep, time

import pytest

from exporter.clock import Clock
from exporter.collectors.containers.engine import Engine
from exporter.collectors.containers.stats_api import StatsRound
from exporter.errors import SourceTimeoutError, SourceUnavailableError
from tests.support.docker_engine import IMAGE

SLEEP = ["sleep", "600"]


class Watched:
    """An engine that we follow, and what it has told."""

    def __init__(self, url):
        self.started = []
        self.engine = Engine(url, Clock(), lambda container: self.started.append(container.id))
        self.engine.start()

    @property
    def names(self):
        return sorted(container.name for container in self.engine.containers.values())

    def came_and_went(self, key):
        return key in self.started and key not in self.engine.containers

    def wait_until(self, condition, timeout):
        deadline = monotonic() + timeout
        while not condition():
            assert monotonic() < deadline, (self.engine.trouble, self.names, self.started)
            sleep(0.01)

    def wait_well(self):
        self.wait_until(lambda: self.engine.trouble is None, 40)


@pytest.fixture
def watched(docker):
    made = Watched(docker.url)
    yield made
    made.engine.stop()


def test_the_list_and_the_events_give_the_same_names_images_and_labels(docker, watched):
    labels = {"dag_id": "sales", "task_id": "load", "name": "an event cannot carry this one"}
    watched.wait_well()
    key = docker.run("loader", SLEEP, labels=labels)
    watched.wait_until(lambda: key in watched.engine.containers, 5)
    from_event = watched.engine.containers[key]
    late = Watched(docker.url)
    try:
        late.wait_well()
        from_list = late.engine.containers[key]
    finally:
        late.engine.stop()
    for container in (from_event, from_list):
        assert (container.id, container.name, container.image) == (key, "loader", IMAGE)
        assert dict(container.labels) == {"dag_id": "sales", "task_id": "load"}
    assert time() - 10 < from_event.started_at <= time()
    assert from_list.started_at is None


def test_a_start_waits_for_what_runs_already(docker):
    docker.run("early", SLEEP)
    made = Watched(docker.url)
    try:
        assert (made.engine.trouble, made.names) == (None, ["early"])
    finally:
        made.engine.stop()


def test_a_renamed_container_keeps_everything_but_its_name(docker, watched):
    watched.wait_well()
    key = docker.run("before", SLEEP)
    watched.wait_until(lambda: key in watched.engine.containers, 5)
    started = watched.engine.containers[key].started_at
    docker.client.api.rename(key, "after")
    watched.wait_until(lambda: watched.names == ["after"], 5)
    assert watched.engine.containers[key].started_at == started


def test_a_restarted_container_ends_and_starts_anew(docker, watched):
    watched.wait_well()
    key = docker.run("again", SLEEP)
    watched.wait_until(lambda: key in watched.engine.containers, 5)
    first = watched.engine.containers[key].started_at
    docker.client.api.restart(key, timeout=0)
    watched.wait_until(lambda: watched.started == [key, key], 10)
    assert watched.engine.containers[key].started_at > first


def test_thirty_quick_containers_leave_the_set_as_it_is(docker, watched):
    watched.wait_well()
    survivor = docker.run("survivor", SLEEP)
    keys = [docker.run(f"quick-{n}", ["true"], auto_remove=True) for n in range(30)]
    watched.wait_until(lambda: all(watched.came_and_went(key) for key in keys), 20)
    assert list(watched.engine.containers) == [survivor]
    assert sorted(watched.started) == sorted([survivor, *keys])


def test_a_stopped_engine_is_trouble_and_started_again_it_is_followed(docker, watched):
    watched.wait_well()
    gone = docker.run("gone", SLEEP)
    watched.wait_until(lambda: gone in watched.engine.containers, 5)
    try:
        docker.stop()
        watched.wait_until(lambda: watched.engine.trouble is not None, 10)
        assert docker.url in watched.engine.trouble
    finally:
        docker.start_again()
    key = docker.run("fresh", SLEEP)
    watched.wait_until(lambda: list(watched.engine.containers) == [key], 40)
    assert watched.engine.trouble is None
    assert watched.came_and_went(gone)
    assert key in watched.started


def test_a_hanging_engine_is_trouble_and_what_it_did_meanwhile_is_told(docker, watched):
    watched.wait_well()
    key = docker.run("kept", SLEEP)
    watched.wait_until(lambda: key in watched.engine.containers, 5)
    docker.stall()
    watched.wait_until(lambda: watched.engine.trouble is not None, 12)
    assert watched.engine.trouble.endswith("does not answer in time")
    assert watched.names == ["kept"]
    docker.resume()
    brief = docker.run("brief", ["true"])
    watched.wait_well()
    watched.wait_until(lambda: watched.came_and_went(brief), 5)
    assert watched.names == ["kept"]


@pytest.mark.parametrize("state", ["following", "hanging", "in trouble", "away"])
def test_stopping_takes_less_than_a_second(state, docker):
    watched = Watched(docker.url if state != "away" else "unix:///nowhere/docker.sock")
    if state == "away":
        watched.wait_until(lambda: "cannot be reached" in watched.engine.trouble, 5)
    else:
        watched.wait_well()
    if state in ("hanging", "in trouble"):
        docker.stall()
    if state == "hanging":
        sleep(4)  # now it waits for the answer to a ping
        assert watched.engine.trouble is None
    if state == "in trouble":
        watched.wait_until(lambda: watched.engine.trouble is not None, 12)
    begun = monotonic()
    watched.engine.stop()
    watched.engine._loop._thread.join(10)
    assert monotonic() - begun < 1
    assert watched.engine.trouble.endswith("is not followed any more")


def test_the_stats_of_a_busy_container_grow_with_its_cpu_time(docker):
    busy = docker.run("busy", ["sh", "-c", "while :; do :; done"], mem_limit="64m")
    idle = docker.run("idle", SLEEP)
    stats = StatsRound(docker.url, Clock())
    first, begun = stats.read([busy, idle, "f" * 64, "../../info"]), monotonic()
    assert set(first) == {busy, idle}
    second, passed = stats.read([busy]), monotonic() - begun
    used = second[busy].cpu_seconds - first[busy].cpu_seconds
    assert 0.1 * passed < used < 1.5 * passed + 1
    assert first[idle].cpu_seconds < first[busy].cpu_seconds
    assert 0 <= first[idle].inactive_file_bytes <= first[idle].memory_usage_bytes < 64 << 20


def test_a_round_of_stats_fails_when_the_engine_is_away_hangs_or_is_left(docker):
    with pytest.raises(SourceUnavailableError):
        StatsRound("unix:///nowhere/docker.sock", Clock()).read([])
    docker.stall()
    with pytest.raises(SourceTimeoutError):
        StatsRound(docker.url, Clock()).read([])
    left = StatsRound(docker.url, Clock())
    left.close()
    with pytest.raises(SourceUnavailableError):
        left.read([])
