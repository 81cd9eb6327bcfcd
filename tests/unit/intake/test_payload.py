"""What is pushed is taken as it is meant, or refused by the name of the field that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import RejectedError
from exporter.intake.payload import Decoder, Use
from exporter.rows.claim import Claim, Source, TryId

RECORD: dict[str, Any] = {
    "dag_id": "etl", "task_id": "group.load-1", "run_id": "scheduled__2026-01-01T00:00:00+00:00",
    "try_number": 2,
}  # fmt: skip
TRY = TryId("etl", "group.load-1", "scheduled__2026-01-01T00:00:00+00:00", -1, 2)
decode = Decoder(needs_state=False)


def record(**more: object) -> dict[str, Any]:
    return {**RECORD, "rows": 5, **more}


def refusal(body: object, decoder: Decoder = decode) -> str:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RejectedError) as caught:
        decoder(text)
    return str(caught.value)


def test_a_claim_is_read_with_everything_it_says() -> None:
    body = record(
        map_index=3, source="plugin", pipeline="sales", stage="gold", bytes=7, seconds=0.5,
        state="success", cpu_seconds=1.5, note="ignored",
    )  # fmt: skip
    (report,) = decode(json.dumps(body).encode())
    assert report.on == TRY._replace(map_index=3)
    assert report.state == "success"
    assert report.claim == Claim(Source.PLUGIN, "sales", "gold", 5, 7, 0.5)
    assert [*report.uses.values()] == [Use("etl", "group.load-1", cpu_seconds=1.5)]


def test_what_a_sidecar_hands_over_is_a_use_and_no_claim() -> None:
    body = {**RECORD, "source": "sidecar", "cpu_seconds": 2, "peak_memory_bytes": 0, "id": "x"}
    (report,) = decode(json.dumps(body).encode())
    assert report.claim is None
    assert [*report.uses.values()] == [
        Use("etl", "group.load-1", cpu_seconds=2.0),
        Use("etl", "group.load-1", peak_memory_bytes=0),
    ]


def test_several_records_come_in_their_order() -> None:
    body = json.dumps([record(stage="gold"), record(stage="silver")]).encode()
    stages = [report.claim.stage for report in decode(body) if report.claim]
    assert stages == ["gold", "silver"]


def test_the_same_use_has_the_same_key_and_another_has_another() -> None:
    def key(**more: object) -> str:
        (report,) = decode(json.dumps(record(cpu_seconds=1, **more)).encode())
        (key,) = report.uses
        return key

    assert key(id="a") == key(id="a", rows=None, source="sidecar")
    assert len({key(), key(id="a"), key(id="b"), key(id="a", try_number=3)}) == 4


def test_a_try_has_one_peak_whoever_tells_it() -> None:
    def keys(**more: object) -> list[str]:
        (report,) = decode(json.dumps(record(peak_memory_bytes=1, **more)).encode())
        return [*report.uses]

    (peak,) = keys(id="a")
    assert keys(id="b") == keys() == [peak]
    assert peak not in keys(id="a", cpu_seconds=1)[:1]
    assert keys(id="b", try_number=3) != [peak]


@pytest.mark.parametrize("field", ["dag_id", "task_id", "run_id", "try_number"])
def test_what_names_the_try_must_be_there(field: str) -> None:
    body = record()
    del body[field]
    assert field in refusal(body)


NO_NAMES = [
    "",
    " ",
    "x" * 201,
    "a\nb",
    "\0",
    "\u2028",
    "__other__",
    "a\u200bb",
    "\u202egold",
    "\u3164",
]


@pytest.mark.parametrize("field", ["pipeline", "stage"])
@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_a_name_that_cannot_be_one_is_unknown_and_loses_no_rows(field: str, name: str) -> None:
    reports = decode(json.dumps([record(**{field: name}), record(stage="gold")]).encode())
    assert [report.claim and report.claim.rows for report in reports] == [5, 5]
    assert reports[0].claim
    assert getattr(reports[0].claim, field) is None


def test_a_name_is_taken_without_the_spaces_around_it() -> None:
    (report,) = decode(json.dumps(record(stage=" gold ")).encode())
    assert report.claim
    assert report.claim.stage == "gold"


NUMBERS = ("rows", "bytes", "peak_memory_bytes", "read_bytes", "written_bytes")
WRONG: list[tuple[str, str]] = [
    *((field, value) for field in NUMBERS for value in ("1.5", "2e3", str(2**53), "9" * 5000)),
    *(
        (field, value)
        for field in (*NUMBERS, "seconds", "cpu_seconds", "try_number")
        for value in ('"12"', "true", "-1", "[]", "{}", "1e400", "-1e400")
    ),
    ("map_index", "-2"), ("map_index", "2147483648"), ("try_number", "null"), ("dag_id", "null"),
    ("seconds", "1e12"), ("cpu_seconds", "1e300"), ("cpu_seconds", "-0.001"),
    *((field, f'"{"x" * 251}"') for field in ("dag_id", "task_id", "run_id", "id")),
    *(
        (field, value)
        for field in ("dag_id", "task_id", "run_id", "id")
        for value in ('""', '"a\\nb"', '"a\\u0000"', '"a\\u2028"', "7")
    ),
    ("pipeline", "7"), ("stage", "[]"),
    ("dag_id", '"two words"'), ("task_id", '"a/b"'), ("dag_id", '"x\\n"'),
    ("state", '"running"'), ("source", '"xcom"'),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_value_is_refused_by_its_fields_name(field: str, value: str) -> None:
    body = json.dumps(record(**{field: "<>"})).replace('"<>"', value).encode()
    assert f"`$.{field}`" in refusal(body)
    assert f"`$[0].{field}`" in refusal(b"[" + body + b"]")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"7", b'"x"', b"[]", b"{", b"\xff", b"\xef\xbb\xbf{}", b"{}",
        b"[" * 60_000, b'{"a":' * 10_000,
        b'{"dag_id":"a","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        json.dumps(record()).replace("5", "NaN").encode(),
        json.dumps(record()).replace("5", "-Infinity").encode(),
        json.dumps(record()).encode() + b" 1",
        json.dumps([record()] * 65).encode(),
        b'{"dag_id":"\\ud800"}',
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_in_a_short_sentence(body: bytes) -> None:
    assert 0 < len(refusal(body)) <= 200


def test_who_tells_nothing_is_refused() -> None:
    assert "Tells neither" in refusal({**RECORD, "state": "success"})
    assert "Tells neither" in refusal({**RECORD, "seconds": 4.0})
    assert "Tells neither" in refusal({**RECORD, "source": "sidecar"})


def test_a_sidecar_tells_no_rows() -> None:
    assert "`$.source`" in refusal(record(source="sidecar"))


def test_without_a_database_a_claim_must_tell_the_state_but_a_use_need_not() -> None:
    strict = Decoder(needs_state=True)
    assert "`$[1].state`" in refusal([record(state="failed"), record()], strict)
    assert strict(json.dumps({**RECORD, "cpu_seconds": 1}).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [*RECORD, *NUMBERS, "seconds", "cpu_seconds", "map_index", "state", "source", "stage", "id"]
)


@given(changes=st.dictionaries(FIELDS, JSON, max_size=4))
def test_what_is_taken_can_be_counted_and_named_whatever_was_sent(
    changes: dict[str, Any],
) -> None:
    try:
        reports = decode(json.dumps(record(**changes)).encode())
    except RejectedError as error:
        assert 0 < len(str(error)) <= 200  # noqa: PT017 - being taken is as good
        return
    for report in reports:
        " ".join([*report.on[:3], *report.uses]).encode()
        amounts = [report.claim.rows, report.claim.seconds] if report.claim else []
        for use in report.uses.values():
            amounts += [use.cpu_seconds, use.read_bytes, use.peak_memory_bytes]
        assert all(amount is None or 0 <= amount < 2**53 for amount in amounts)


@given(body=st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_else(body: bytes) -> None:
    try:
        decode(body)
    except RejectedError as error:
        assert str(error)  # noqa: PT017 - being taken is as good
