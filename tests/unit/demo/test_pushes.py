"""What the demo pushes waits until it is taken, and is not sent for ever where it is refused."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import structlog.testing

from exporter.demo.pushes import Pushes, free_address
from tests.support.intake import Intake


@pytest.fixture
def intake() -> Iterator[Callable[[int], Intake]]:
    """Yield what makes a receiver that gives every request this status."""
    made: list[Intake] = []

    def make(status: int) -> Intake:
        made.append(Intake(status))
        return made[-1]

    yield make
    for each in made:
        each.close()


def sent(receiver: Intake, count: int, times: int) -> list[int]:
    pushes = Pushes(receiver.url.removeprefix("http://"))
    for number in range(count):
        pushes.add({"rows": number})
    for _ in range(times):
        pushes.send()
    return [len(push.records) for push in receiver.pushes]


def test_what_is_taken_is_sent_once_in_bodies_of_64(intake) -> None:
    receiver = intake(204)
    assert sent(receiver, 70, 3) == [64, 6]
    assert [each["rows"] for each in receiver.records] == list(range(70))


def test_what_an_overloaded_receiver_does_not_take_is_sent_again(intake) -> None:
    assert sent(intake(429), 2, 3) == [2, 2, 2]


def test_what_is_refused_is_logged_and_not_sent_again(intake) -> None:
    with structlog.testing.capture_logs() as logs:
        assert sent(intake(401), 2, 3) == [2]
    assert [(each["event"], each["status"]) for each in logs] == [("demo.push_refused", 401)]


def test_what_nobody_listens_to_waits_until_somebody_does(intake) -> None:
    receiver = intake(204)
    address = receiver.url.removeprefix("http://")
    receiver.close()
    pushes = Pushes(address)
    pushes.add({"rows": 1})
    pushes.send()
    port = int(address.rpartition(":")[2])
    with closing(socket.create_server(("127.0.0.1", port))) as server:
        server.settimeout(5)
        for _ in range(2):  # An answer that does not come is none.
            pushes.send()
            with closing(server.accept()[0]) as connection:
                assert b"POST " in connection.recv(1024)


def test_without_an_address_nothing_is_sent() -> None:
    pushes = Pushes(None)
    pushes.add({"rows": 1})
    pushes.send()
    assert not pushes.possible


def test_a_taken_port_is_not_chosen() -> None:
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 10113))
            taken.listen()
        except OSError:
            pass  # Somebody else has it, which is as good.
        assert free_address() != "127.0.0.1:10113"
