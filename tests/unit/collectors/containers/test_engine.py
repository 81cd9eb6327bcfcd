"""What an engine says, however wrong, long or slow: the parsers, the set and the connection."""

from __future__ import annotations

import errno
import json
import socket
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.clock import Clock
from exporter.collectors.containers import engine as engine_module
from exporter.collectors.containers import engine_messages, stats_api
from exporter.collectors.containers.engine import Engine
from exporter.collectors.containers.engine_messages import (
    ACTIONS,
    MAX_EVENT_BYTES,
    MAX_LABEL_CHARACTERS,
    MAX_LABELS,
    MAX_NAME_CHARACTERS,
    EngineContainer,
    Lines,
    event_from,
    listed_from,
)
from exporter.collectors.containers.engine_set import ContainerSet
from exporter.collectors.containers.engine_wire import Address, Exchange
from exporter.errors import ConfigError, SourceTimeoutError, SourceUnavailableError

ID = "4eccac579df866d244452c262ee1939a46d1588805d8e0f12e8cabc4bfe10265"
# As Docker 20.10.24 says it, less what we do not read.
EVENT = {
    "status": "start",
    "Type": "container",
    "Action": "start",
    "Actor": {"ID": ID, "Attributes": {"dag_id": "sales", "image": "busybox:test", "name": "a1"}},
    "timeNano": 1795390904729700703,
}
LISTED = {
    "Id": ID,
    "Names": ["/web/database", "/a1"],
    "Image": "busybox:test",
    "Labels": {"dag_id": "sales", "name": "x"},
    "State": "running",
}
STATS = {
    "cpu_stats": {"cpu_usage": {"total_usage": 41665524}},
    "memory_stats": {
        "usage": 811008,
        "stats": {"inactive_file": 1, "total_inactive_file": 2},
    },
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def said(value):
    return json.dumps(value).encode()


@st.composite
def damaged(draw, value):
    """Return the message with one part of it, at any depth, replaced by anything or taken away."""
    if not isinstance(value, dict) or draw(st.integers(0, 3)) == 0:
        return draw(json_values)
    name = draw(st.sampled_from(sorted(value)))
    rest = {key: part for key, part in value.items() if key != name}
    return rest if draw(st.booleans()) else {**rest, name: draw(damaged(value[name]))}


def assert_sound(container):
    assert len(container.id) == 64
    assert len(container.name) <= MAX_NAME_CHARACTERS
    assert len(container.image) <= MAX_NAME_CHARACTERS
    assert len(container.labels) <= MAX_LABELS
    texts = [container.name, container.image, *container.labels, *container.labels.values()]
    assert all(isinstance(text, str) and text.encode() is not None for text in texts)
    assert container.started_at is None or container.started_at > 0


def test_a_start_tells_all_there_is_to_know():
    container = EngineContainer(
        ID, "a1", "busybox:test", {"dag_id": "sales"}, 1795390904729700703 / 1e9
    )
    assert event_from(said(EVENT)).container == container


def test_a_list_tells_the_own_name_and_not_when_it_started():
    container = EngineContainer(ID, "a1", "busybox:test", {"dag_id": "sales"}, None)
    assert listed_from(said([LISTED])) == {ID: container}


@pytest.mark.parametrize("body", [b"[]", b"[ ]", b"[]\n"])
def test_an_empty_list_is_a_list(body):
    assert listed_from(body) == {}


@pytest.mark.parametrize("body", [b"", b"]", b"{}", b"[", b"[{}", b"[{},", b"[{},]", b"[" * 10**6])
def test_what_is_no_list_is_refused(body):
    with pytest.raises(ValueError, match="not what a Docker engine says"):
        listed_from(body)


@pytest.mark.parametrize("change", [{"Type": "network"}, {"Action": "exec_start"}, {"Type": None}])
def test_other_events_are_of_no_interest(change):
    assert event_from(said(EVENT | change)) is None


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b"[" * 10**6, b"9" * 10**5])
def test_a_line_that_is_not_json_is_refused(line):
    with pytest.raises(ValueError, match="not what a Docker engine says"):
        event_from(line)


@pytest.mark.parametrize("identifier", [None, "", "../" + ID[3:], ID.upper(), ID + "\n", 7])
def test_an_event_without_a_true_id_is_refused(identifier):
    with pytest.raises(ValueError, match="not what a Docker engine says"):
        event_from(said(EVENT | {"Actor": {"ID": identifier}}))


@given(damaged(EVENT))
def test_no_event_does_harm(message):
    try:
        event = event_from(said(message))
    except ValueError:
        return
    if event is not None:
        assert event.action in ACTIONS
        assert_sound(event.container)


@given(st.lists(damaged(LISTED), max_size=3))
def test_no_list_does_harm(messages):
    for key, container in listed_from(said(messages)).items():
        assert key == container.id
        assert_sound(container)


@given(st.binary(max_size=50))
def test_no_bytes_do_harm(data):
    for parse in (event_from, listed_from):
        with suppress(ValueError):
            parse(data)
    assert stats_api.reading_from(data) is None


@given(damaged(STATS))
def test_no_stats_do_harm(message):
    reading = stats_api.reading_from(said(message))
    if reading is not None:
        assert min(reading) >= 0


def test_stats_count_the_inactive_files_of_children_too():
    expected = (0.041665524, 811008, 2)
    assert stats_api.reading_from(said(STATS)) == expected


def test_labels_are_bounded_and_none_is_a_part_of_the_true_one():
    long = "x" * (MAX_LABEL_CHARACTERS + 1)
    many = {f"n{number}": "v" for number in range(MAX_LABELS + 5)}
    labels = {"a": long, long: "a", "b": 1, "c": "\ud800", **many}
    (container,) = listed_from(said([LISTED | {"Labels": labels, "Names": ["/" + long]}])).values()
    assert len(container.labels) == MAX_LABELS
    assert {"a", "b", long}.isdisjoint(container.labels)
    assert container.labels["c"] == "?"
    assert len(container.name) == MAX_NAME_CHARACTERS - 1


def test_no_more_containers_are_kept_than_the_bound(monkeypatch):
    monkeypatch.setattr(engine_messages, "MAX_CONTAINERS", 2)
    messages = [LISTED | {"Id": f"{number:064x}"} for number in range(5)]
    assert list(listed_from(said(messages))) == [f"{number:064x}" for number in range(2)]


@given(st.lists(st.binary(max_size=20)))
def test_lines_come_out_as_they_went_in_however_they_are_cut(pieces):
    lines = Lines()
    got = [line for piece in pieces for line in lines.add(piece)]
    assert got == b"".join(pieces).split(b"\n")[:-1]


def test_of_a_line_that_is_too_long_nothing_is_left_and_the_next_one_is_whole():
    lines = Lines()
    half = b"x" * (MAX_EVENT_BYTES // 2 + 1)
    assert lines.add(half) + lines.add(half) + lines.add(b"\nnext\n") == [b"", b"next"]


ids = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])


@given(st.lists(ids, max_size=12), st.data())
def test_a_list_and_the_events_around_it_in_any_overlap_give_the_true_set(switched, data):
    history, states = [], [frozenset()]
    for number, key in enumerate(switched):
        action = "die" if key in states[-1] else "start"
        actor = {"ID": key, "Attributes": {}}
        message = EVENT | {"Action": action, "Actor": actor, "timeNano": number + 1}
        history.append(event_from(said(message)))
        states.append(states[-1] ^ {key})
    listed_at = data.draw(st.integers(0, len(history)))
    replayed_from = data.draw(st.integers(0, listed_at))
    started = set()
    kept = ContainerSet(lambda container: started.add(container.id))
    kept.replace({key: EngineContainer(key, "", "", {}) for key in states[listed_at]})
    for event in history[replayed_from:]:
        kept.apply(event)
    assert set(kept.containers) == states[-1]
    assert states[-1] <= started


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:///run/d.sock", Address(path="/run/d.sock")),
        ("tcp://proxy", Address(host="proxy", port=2375)),
        ("tcp://[::1]:99", Address(host="::1", port=99)),
    ],
)
def test_addresses_that_can_be_used(text, address):
    assert Address.of(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/run/d.sock",
        "unix://relative",
        "unix:///a\0b",
        "ssh://me@host",
        "https://host",
        "tcp://user:hunter2@host",
        "tcp://host:port",
        "tcp://" + "x" * 70,
    ],
)
def test_addresses_that_cannot_be_used_are_not_repeated(text):
    with pytest.raises(ConfigError, match=r"unix:///path or tcp://host:port") as raised:
        Address.of(text)
    assert "hunter2" not in str(raised.value)


def test_an_engine_behind_tls_is_refused_rather_than_asked_in_the_clear(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://host:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(ConfigError, match="TLS"):
        Engine(None, Clock())


@contextmanager
def server(directory, *pieces, pause=0.0):
    """Listen on a unix socket and send each that connects the pieces, then hold the line."""
    path, over = directory / "s", Event()

    def serve(end):
        with end:
            try:
                for piece in pieces:
                    end.sendall(piece)
                    sleep(pause)
            except OSError:
                return
            over.wait(10)

    def accept():
        while not over.is_set():
            try:
                end, _ = listener.accept()
            except OSError:
                return
            threads.append(Thread(target=serve, args=(end,)))
            threads[-1].start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threads = [Thread(target=accept)]
        threads[0].start()
        try:
            yield f"unix://{path}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


def until(condition):
    deadline = monotonic() + 20
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)
    return True


def body(url, seconds=5, limit=1000):
    with Exchange(Address.of(url), monotonic, seconds) as exchange:
        exchange.get("/_ping")
        return exchange.body(limit)


def test_a_head_or_a_body_that_trickles_in_ends_at_the_deadline(tmp_path):
    for number, answer in enumerate([OK, OK + b"x" * 60]):
        directory = tmp_path / str(number)
        directory.mkdir()
        pieces = [answer[: 50 * number], *(bytes([each]) for each in answer[50 * number :])]
        with server(directory, *pieces, pause=0.1) as url:
            begun = monotonic()
            with pytest.raises(SourceTimeoutError):
                body(url, seconds=0.3)
            assert monotonic() - begun < 2


def test_a_body_without_end_is_given_up_at_the_limit(tmp_path):
    answer = b"HTTP/1.1 200 OK\r\n\r\n"
    too_much = pytest.raises(SourceUnavailableError, match="more than 1000 bytes")
    with server(tmp_path, answer, *[b"x" * 300] * 5) as url, too_much:
        body(url)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (b"x" * 100_000, "answers with more than 65536 bytes"),
        (b"HTTP/1.1 500 Oh\r\n\r\n", "answers 500"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "does not speak HTTP"),
    ],
)
def test_what_is_no_answer_is_said_in_a_sentence(tmp_path, answer, reason):
    with server(tmp_path, answer) as url, pytest.raises(SourceUnavailableError, match=reason):
        body(url)


@pytest.mark.parametrize("pieces", [(), (b"SSH-2.0\r\n\r\n",), (OK + b"x" * 100,), (OK,)])
def test_no_server_ends_the_thread_and_stopping_wakes_it(tmp_path, pieces):
    with server(tmp_path, *pieces) as url:
        engine = Engine(url, Clock())
        engine.start()
        sleep(0.2)
        assert not engine.trouble.endswith("any more")
        begun = monotonic()
        engine.stop()
        assert monotonic() - begun < 1
        assert engine.trouble.endswith("any more")
        engine._loop._thread.join(10)
        assert not engine._loop._thread.is_alive()


def test_a_start_that_cannot_be_told_ends_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "MIN_BACKOFF_SECONDS", 600.0)
    monkeypatch.setattr(engine_module, "MAX_BACKOFF_SECONDS", 600.0)
    listed = said([LISTED])
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(listed), listed)

    def no_descriptor_left(_):
        raise OSError(errno.EMFILE, "Too many open files")

    with server(tmp_path, answer) as url:
        engine = Engine(url, Clock(), no_descriptor_left)
        engine.start()
        assert until(lambda: engine.trouble == "docker-engine failed: Too many open files")
        assert [*engine.containers] == [ID]
        engine._loop.hurry()
        # All that this server says is one list.
        assert until(lambda: engine.trouble.endswith("has ended its events"))
        engine.stop()
