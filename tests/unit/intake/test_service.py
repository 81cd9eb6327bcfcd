"""The intake as a whole: from a socket to the ledger, and what it tells of itself."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from exporter import catalogue
from exporter.clock import Clock
from exporter.intake.commits import Committer
from exporter.intake.payload import Decoder
from exporter.intake.refusals import Refusals
from exporter.intake.service import Intake, is_exposed
from exporter.intake.uses import Uses
from exporter.rows.book import ClaimBook
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.unit.intake.reports import on
from tests.unit.web.client import Client

RECORD = {**on()._asdict(), "rows": 5}


def made(address: str = "127.0.0.1:0", *, token: str | None = None) -> tuple[Intake, ClaimBook]:
    clock, book = Clock(), ClaimBook()
    store = Store(catalogue.FAMILIES, Limits(), Ledger(None, clock), clock)
    committer = Committer(
        "intake", store, book, Uses({}), clock, wants=lambda _: True, knows=lambda _: True,
        must_persist=False,
    )  # fmt: skip
    admits = None if token is None else lambda shown: shown == f"Bearer {token}"
    intake = Intake([address], Decoder(needs_state=False), committer, admits, Refusals(clock))
    return intake, book


def post(client: Client, body: bytes, *headers: str) -> int:
    lines = [
        "POST /ingest/v1/tries HTTP/1.1", "Host: x", "Content-Type: application/json",
        f"Content-Length: {len(body)}", *headers, "", "",
    ]  # fmt: skip
    client.send("\r\n".join(lines).encode() + body)
    return client.answer().status


def test_each_answer_is_counted_by_its_outcome() -> None:
    intake, book = made(token="t")
    intake.start()
    try:
        sent: list[tuple[bytes, str]] = [
            (json.dumps(RECORD).encode(), "t"), (b"{", "t"), (b"{}", "wrong"),
            (b" " * 70_000, "t"), (json.dumps(RECORD).encode(), "t"),
        ]  # fmt: skip
        statuses = []
        for body, token in sent:
            with Client(intake.addresses[0]) as client:
                statuses.append(post(client, body, f"Authorization: Bearer {token}"))
        with Client(intake.addresses[0]) as client:
            client.ask("/metrics")
            assert client.answer().status == 404
    finally:
        intake.stop()
    assert statuses == [204, 400, 401, 413, 204]
    assert book.ids() == [on()]
    assert {each.labels: each.value for each in intake.samples()} == {
        ("/ingest/v1/tries", "accepted"): 2, ("/ingest/v1/tries", "invalid"): 1,
        ("/ingest/v1/tries", "unauthorized"): 1, ("/ingest/v1/tries", "too_large"): 1,
        ("/ingest/v1/tries", "overloaded"): 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "token", "warnings"),
    [("127.0.0.1:0", None, 0), ("0.0.0.0:0", "t", 0), ("0.0.0.0:0", None, 1)],
)
def test_who_listens_to_everybody_is_warned(address: str, token: str | None, warnings: int) -> None:
    intake, _ = made(address, token=token)
    with capture_logs() as logs:
        intake.start()
        intake.stop()
    assert [log["event"] for log in logs] == ["intake.open"] * warnings


@pytest.mark.parametrize(
    ("address", "exposed"),
    [("127.0.0.1:1", False), ("[::1]:1", False), ("127.9.9.9:1", False), ("[::]:1", True),
     ("0.0.0.0:1", True), ("10.0.0.1:1", True)],
)  # fmt: skip
def test_only_loopback_is_out_of_reach(address: str, exposed: bool) -> None:
    assert is_exposed(address) is exposed
