"""The guard: who gets an answer, and what every answer carries."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest

from exporter.web.door.config import WebConfig
from exporter.web.door.guard import Guard
from exporter.web.door.passwords import Passwords
from exporter.web.door.tls import Tls
from exporter.web.messages import Pending, Request, Response, sentence
from exporter.yaml_file import Place

USERS = {"ann": bcrypt.hashpw(b"right", bcrypt.gensalt(4))}
FRAMES = (("X-Frame-Options", "deny"),)
REQUEST = Request("GET", "/", "", {})

Make = Callable[..., Guard]


def answering(request: Request) -> Response:
    return sentence(200, "In.", headers=(("x-frame-options", "ours"), ("Vary", "Accept")))


@pytest.fixture
def guard() -> Iterator[Make]:
    passwords = Passwords()

    def make(
        handler: Callable[[Request], Response | Pending] = answering, **config: object
    ) -> Guard:
        found = WebConfig(**config)  # type: ignore[arg-type]
        return Guard(handler, lambda: found, passwords)

    yield make
    passwords.close()


def showing(text: str) -> Request:
    token = b64encode(text.encode()).decode()
    return replace(REQUEST, headers={"authorization": f"Basic {token}"})


def settled(answer: Response | Pending) -> Response:
    return answer.result(20) if isinstance(answer, Future) else answer


def test_without_users_everybody_is_let_in(guard: Make) -> None:
    assert settled(guard()(REQUEST)).status == 200


def test_who_shows_nothing_is_asked_for_a_login_at_once(guard: Make) -> None:
    answer = guard(users=USERS)(REQUEST)
    assert isinstance(answer, Response)
    assert answer.status == 401
    assert ("WWW-Authenticate", 'Basic realm="airflow-perf-exporter"') in answer.headers


def test_only_the_right_login_is_let_in_the_second_time_at_once(guard: Make) -> None:
    made = guard(users=USERS)
    for login, status in (("ann:right", 200), ("ann:wrong", 401), ("bob:right", 401)):
        first = made(showing(login))
        assert isinstance(first, Future)
        assert first.result(20).status == status
        again = made(showing(login))
        assert isinstance(again, Response)
        assert again.status == status


def test_a_handler_may_answer_later_or_fail(guard: Make) -> None:
    later: Pending = Future()
    answer = guard(lambda _: later, users=USERS, headers=FRAMES)(showing("ann:right"))
    later.set_result(sentence(200, "At last."))
    assert settled(answer).body == (b"At last.\n",)

    def failing(_: Request) -> Response:
        raise LookupError

    made = guard(failing, users=USERS, headers=FRAMES)
    with pytest.raises(LookupError):
        settled(made(showing("ann:right")))


def test_headers_are_on_every_answer_and_win_over_ours(guard: Make) -> None:
    made = guard(users=USERS, headers=FRAMES)
    for request in (REQUEST, showing("ann:right"), showing("ann:wrong")):
        answer = settled(made(request))
        found = [value for name, value in answer.headers if name.lower() == "x-frame-options"]
        assert found == ["deny"]
    assert ("Vary", "Accept") in settled(made(showing("ann:right"))).headers


@pytest.mark.parametrize(
    ("names", "status"), [({"other", "good"}, 200), ({"other"}, 403), (set(), 403)]
)
def test_a_certificate_needs_a_name_that_is_let_in(
    guard: Make, names: set[str], status: int
) -> None:
    tls = Tls(Place(Path("f")), Path("c"), Path("k"), client_names=frozenset({"good", "better"}))
    request = replace(REQUEST, peer_names=frozenset(names))
    assert settled(guard(tls=tls)(request)).status == status
    assert settled(guard(tls=replace(tls, client_names=frozenset()))(request)).status == 200
