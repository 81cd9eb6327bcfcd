"""Whatever is pushed: the right status, nothing counted, and no memory that grows with it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exporter.demo import schema
from tests.integration.intake.conftest import ALONE, FAST, Taker, taker
from tests.integration.intake.senders import JSON, TRIES
from tests.unit.web.client import Answer, Client

TOKEN = "Zq7mK2w-secret-token"
ROUNDS, READ_A_ROUND, UNREAD_A_ROUND = 200, 48, 3
FEW_MEGABYTES = 8 << 20
GOOD = {"dag_id": "etl", "task_id": "load", "run_id": "r", "try_number": 1, "state": "success"}


class Push(NamedTuple):
    """One request and the status that it must get."""

    status: int
    body: bytes
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


def wrong_value(field: str, text: str) -> Push:
    body = json.dumps({**GOOD, "rows": 5, field: "<>"}).replace('"<>"', text)
    return Push(400, body.encode())


def zipped(status: int, plain: bytes) -> Push:
    return Push(status, gzip.compress(plain, 9), {"Content-Encoding": "gzip"})


GOOD_BODY = json.dumps({**GOOD, "rows": 5}).encode()
AMOUNTS = st.sampled_from(["rows", "bytes", "seconds", "cpu_seconds", "peak_memory_bytes"])
TEXTS = st.sampled_from(["dag_id", "task_id", "run_id", "state", "source", "id"])
IMPOSSIBLE = st.sampled_from(
    ["NaN", "-Infinity", "1e400", "-1e400", "-1", "-0.5", '"5"', "true", "[5]", "{}", "1" * 400,
     str(2**80), '"\\ud800"'],
)  # fmt: skip
HUGE = st.integers(2**53, 2**90).map(str)
NO_NAMES = st.sampled_from(['""', "5", "[]", '"\\u0000"', '"\\n"', f'"{"x" * 300}"', '"a\\u0007"'])
NO_TEXTS = st.sampled_from(["5", "[]", "{}", "true", '"\\ud800"'])
"""Of another kind; a text that is no name is unknown alone."""
DEEP = st.tuples(st.sampled_from(["[", '{"a":']), st.integers(2_000, 10_000)).map(
    lambda shape: shape[0] * shape[1]
)
BOMBS = [zipped(413, b" " * size) for size in (65_537, 1 << 20, 40 << 20)]
READ = st.one_of(
    st.builds(wrong_value, AMOUNTS, IMPOSSIBLE | HUGE),
    st.builds(wrong_value, TEXTS, NO_NAMES),
    st.builds(wrong_value, st.sampled_from(["pipeline", "stage"]), NO_TEXTS),
    st.builds(lambda deep: Push(400, deep.encode()), DEEP),
    st.builds(lambda deep: wrong_value("unknown", deep), DEEP),
    st.builds(lambda junk: Push(400, b"\x00" + junk), st.binary(max_size=300)),
    st.builds(lambda cut: Push(400, GOOD_BODY[:cut]), st.integers(1, len(GOOD_BODY) - 1)),
    st.sampled_from(BOMBS),
    st.builds(lambda junk: Push(400, junk, {"Content-Encoding": "gzip"}), st.binary(max_size=99)),
)
"""Refused for what the body holds."""
UNREAD = st.one_of(
    st.builds(
        lambda junk: Push(401, GOOD_BODY, {"Authorization": f"Bearer {junk}"}),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    ),
    st.sampled_from(["Basic " + TOKEN, TOKEN, "", "Bearer"]).map(
        lambda header: Push(401, GOOD_BODY, {"Authorization": header})
    ),
    st.sampled_from(["", "text/plain", "application/x-www-form-urlencoded"]).map(
        lambda kind: Push(415, GOOD_BODY, {"Content-Type": kind})
    ),
    st.sampled_from(["br", "gzip, gzip", "zstd"]).map(
        lambda coding: Push(415, GOOD_BODY, {"Content-Encoding": coding})
    ),
    st.integers(65_537, 10**15).map(
        lambda size: Push(413, GOOD_BODY, {"Content-Length": str(size)})
    ),
)
"""Refused by the head alone: the connection ends with the answer."""


def sent(port: int, pushes: Sequence[Push]) -> Iterator[Answer]:
    """Send requests one after another without waiting, and yield their answers."""
    with Client(f"127.0.0.1:{port}") as client:
        for push in pushes:
            headers = {
                "Host": "x", "Authorization": f"Bearer {TOKEN}", **JSON,
                "Content-Length": str(len(push.body)), **push.headers,
            }  # fmt: skip
            lines = [f"POST {TRIES} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
            client.send("\r\n".join(lines).encode() + push.body)
        for _ in pushes:
            answer = client.answer()
            assert "retry-after" not in answer.headers
            yield answer


def status(port: int, push: Push) -> int:
    (answer,) = sent(port, [push])
    return answer.status


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Taker]:
    """Yield a daemon without a database, whose senders must show a token."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    state = ("--state.path", str(tmp_path / "state"))
    made = taker(tmp_path, *ALONE, *FAST, *state, "--web.intake-token-file", str(token))
    try:
        made.process.wait_ready()
        yield made
    finally:
        made.process.kill()


def test_ten_thousand_hostile_bodies_count_nothing_and_leave_no_memory(guarded: Taker) -> None:
    seen: Counter[int] = Counter()
    memory: list[int] = []
    port = guarded.intake_port

    @settings(
        max_examples=ROUNDS,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(READ, min_size=READ_A_ROUND, max_size=READ_A_ROUND),
        st.lists(UNREAD, min_size=UNREAD_A_ROUND, max_size=UNREAD_A_ROUND),
    )
    def send(read: list[Push], unread: list[Push]) -> None:
        for push, answer in zip(read, sent(port, read), strict=True):
            assert answer.status == push.status, (push, answer.body)
            seen[answer.status] += 1
        for push in unread:
            assert status(port, push) == push.status, push
            seen[push.status] += 1
        memory.append(guarded.process.rss_bytes())

    send()
    assert seen.total() >= 10_000
    assert seen.keys() == {400, 401, 413, 415}
    assert guarded.totals() == {}
    growth = memory[-1] - memory[len(memory) // 10]
    print(f"{seen.total()} bodies {dict(seen)}, resident memory {growth:+} bytes")
    assert growth < FEW_MEGABYTES
    assert TOKEN not in guarded.process.log()
    assert '"level": "error"' not in guarded.process.log()
    assert status(port, Push(204, GOOD_BODY)) == 204


def test_a_body_that_is_too_large_is_refused_before_and_after_inflating(alone: Taker) -> None:
    assert alone.post(b" " * 65_537) == 413
    assert alone.post(gzip.compress(b" " * (100 << 20), 9), Content_Encoding="gzip") == 413
    assert alone.post(gzip.compress(GOOD_BODY), Content_Encoding="gzip") == 204
    assert alone.post(gzip.compress(GOOD_BODY) * 2, Content_Encoding="gzip") == 400


@pytest.fixture
def sampling(tmp_path: Path) -> Iterator[Taker]:
    """Yield a daemon that samples a database with one DAG, `etl`."""
    database = tmp_path / "airflow.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    metadata = schema.create(engine, "2.11")
    row: dict[str, Any] = {
        "dag_id": "etl", "is_paused": False, "is_active": True, "is_subdag": False,
        "has_task_concurrency_limits": False, "max_active_runs": 16, "max_active_tasks": 16,
        "max_consecutive_failed_dag_runs": 0,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(sa.insert(metadata.tables["dag"]).values(**row))
    engine.dispose()
    address = tmp_path / "dsn"
    address.write_text(f"sqlite:///{database}")
    made = taker(
        tmp_path, *ALONE[1:], *FAST, "--airflow.dsn-file", str(address),
        "--state.path", str(tmp_path / "state"),
    )  # fmt: skip
    try:
        made.process.wait_ready()
        yield made
    finally:
        made.process.kill()


def test_names_that_no_dag_has_make_no_series_and_fill_no_memory(sampling: Taker) -> None:
    before, memory = len(sampling.process.families()), []
    seen: Counter[int] = Counter()
    for number in range(200):
        names = [{**GOOD, "dag_id": f"made-up-{number}-{each}"} for each in range(60)]
        told = [{**name, "rows": 5, "cpu_seconds": 1.0} for name in names]
        seen[sampling.post(json.dumps(told).encode())] += 1
        memory.append(sampling.process.rss_bytes())
    growth = memory[-1] - memory[20]
    print(f"12000 names: {dict(seen)}, resident memory {growth:+} bytes")
    assert seen.keys() == {204, 429}
    assert seen[204] < 50
    assert growth < FEW_MEGABYTES
    assert sampling.totals() == {}
    found = sampling.process.families()
    assert not [labels for _, labels in found if "made-up" in str(labels)]
    assert len(found) - before < 20


def test_what_a_known_task_used_counts_beside_a_database(sampling: Taker) -> None:
    body = json.dumps({**GOOD, "source": "sidecar", "cpu_seconds": 2.0}).encode()
    assert sampling.post(body) == 204
    sampling.process.wait_for('task_cpu_seconds_total{dag_id="etl",task_id="load"} 2')
