"""Who is let in, what is refused by its head, and what becomes of what was taken."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from exporter.errors import RejectedError
from exporter.intake.payload import Report
from exporter.intake.routes import MAX_BYTES, TRIES, Routes
from exporter.web.messages import Request, Response, WithBody
from tests.unit.intake.reports import claim

JSON = {"content-type": "application/json"}


class Taken:
    """Takes bodies, and settles them when the test says so."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.durable: Future[bool] | None = Future()
        self.refused: list[tuple[int, str]] = []
        self.routes = Routes(
            self._decode,
            lambda _: self.durable,
            lambda shown: shown == "us",
            lambda status, sentence: self.refused.append((status, sentence)),
        )

    def _decode(self, body: bytes) -> Sequence[Report]:
        if body == b"wrong":
            raise RejectedError("Expected `int` - at `$.rows`")
        self.bodies.append(body)
        return (claim(),)

    def head(self, path: str = TRIES, method: str = "POST", **headers: str) -> Response | WithBody:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.routes(Request(method, path, "", {"authorization": "us", **JSON, **named}))

    def body(self, body: bytes, **headers: str) -> Response | Future[Response]:
        wanted = self.head(**headers)
        assert isinstance(wanted, WithBody)
        return wanted.then(body)


@pytest.mark.parametrize("path", ["/", "/metrics", "/ingest/v1/rows", TRIES + "/", "/-/ready"])
def test_only_one_path_is_served(path: str) -> None:
    for method in ("GET", "POST"):
        answer = Taken().head(path, method)
        assert isinstance(answer, Response)
        assert (answer.status, answer.path_class) == (404, "other")


@pytest.mark.parametrize(
    ("status", "header", "given"),
    [
        (405, ("Allow", "POST"), {"method": "GET"}),
        (401, ("WWW-Authenticate", "Bearer"), {"authorization": "them"}),
        (415, None, {"content_type": "text/plain"}),
        (415, None, {"content_type": ""}),
        (415, ("Accept-Encoding", "gzip"), {"content_encoding": "br"}),
        (415, ("Accept-Encoding", "gzip"), {"content_encoding": "gzip, gzip"}),
    ],
)
def test_a_head_is_refused_before_its_body_is_read(
    status: int, header: tuple[str, str] | None, given: dict[str, str]
) -> None:
    taken = Taken()
    answer = taken.head(**given)  # type: ignore[arg-type]
    assert isinstance(answer, Response)
    assert (answer.status, answer.path_class) == (status, TRIES)
    assert taken.refused == [(status, b"".join(answer.body).decode().strip())]
    assert header is None or header in answer.headers


def test_who_is_let_in_may_send_so_many_bytes() -> None:
    wanted = Taken().head(content_type="Application/JSON; charset=utf-8")
    assert isinstance(wanted, WithBody)
    assert (wanted.max_bytes, wanted.path_class) == (MAX_BYTES, TRIES)


def test_the_answer_waits_until_the_push_is_durable() -> None:
    taken = Taken()
    answer = taken.body(b"{}")
    assert isinstance(answer, Future)
    assert not answer.done()
    assert taken.durable is not None
    taken.durable.set_result(True)
    assert answer.result().status == 204


def test_what_cannot_be_kept_is_to_be_sent_again() -> None:
    taken = Taken()
    answer = taken.body(b"{}")
    assert taken.durable is not None
    taken.durable.set_result(False)
    assert isinstance(answer, Future)
    assert answer.result().status == 429
    taken.durable = None  # The queue is full.
    full = taken.body(b"{}")
    assert isinstance(full, Response)
    assert (full.status, full.headers) == (429, ())


def test_a_defect_while_writing_reaches_the_boundary_of_the_request() -> None:
    taken = Taken()
    answer = taken.body(b"{}")
    assert taken.durable is not None
    taken.durable.set_exception(ZeroDivisionError())
    assert isinstance(answer, Future)
    with pytest.raises(ZeroDivisionError):
        answer.result()


def refused(taken: Taken, body: bytes, **headers: str) -> tuple[int, bytes]:
    answer = taken.body(body, **headers)
    assert isinstance(answer, Response)
    return answer.status, b"".join(answer.body)


def test_what_is_wrong_is_refused_in_a_sentence() -> None:
    assert refused(Taken(), b"wrong") == (400, b"Expected `int` - at `$.rows`.\n")


def test_gzip_is_inflated_up_to_the_same_size() -> None:
    taken, gzipped = Taken(), {"content_encoding": "gzip"}
    taken.body(gzip.compress(b"x" * MAX_BYTES), **gzipped)
    assert taken.bodies == [b"x" * MAX_BYTES]
    assert refused(taken, gzip.compress(b"x" * (MAX_BYTES + 1)), **gzipped)[0] == 413
    assert refused(taken, gzip.compress(b"x" * 50_000_000), **gzipped)[0] == 413


@pytest.mark.parametrize(
    "body", [b"", b"{}", gzip.compress(b"{}")[:-1], gzip.compress(b"{}") + b"x", b"\x1f\x8b"]
)
def test_what_is_not_one_gzip_member_is_refused(body: bytes) -> None:
    assert refused(Taken(), body, content_encoding="gzip")[0] == 400
