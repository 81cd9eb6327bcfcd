"""What tasks return, push or print, hostile values included."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.rows.claim import MAX_AMOUNT, Claim, Source
from exporter.rows.told import MAX_TEXT, Names, told, told_under

NAMES = Names()


def xcom(**told: object) -> Claim:
    return Claim(Source.XCOM, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "claim"),
    [
        ({"rows": 12345, "bytes": 1048576}, xcom(rows=12345, bytes=1048576)),
        ({"rows": 0}, xcom(rows=0)),
        ({"row_count": 5, "stage": "silver", "pipeline": "sales"},
         xcom(rows=5, stage="silver", pipeline="sales")),
        ({"rows": 5, "seconds": 1.5}, xcom(rows=5, seconds=1.5)),
        ({"bytes": 5e3}, xcom(bytes=5000)),
        ('{"rows": 7}', xcom(rows=7)),
        (json.dumps('{"rows": 7}'), xcom(rows=7)),
        ({"rows": None, "rows_processed": 3}, xcom(rows=3)),
        ({"rows": 3, "bytes": -1}, xcom(rows=3)),
        ({"rows": 3, "other": {"rows": 9}, "stage": ["x"]}, xcom(rows=3)),
    ],
)  # fmt: skip
def test_an_object_with_rows_or_bytes_is_a_claim(value: object, claim: Claim) -> None:
    assert told(value, NAMES) == claim
    assert told_under("return_value", value, NAMES) == claim


@pytest.mark.parametrize(
    "value",
    [
        7, 7.0, True, None, "7", "", "done", [], [{"rows": 1}], {}, [None, None],
        {"rows": "12"}, {"rows": True}, {"rows": -1}, {"rows": 1.5}, {"rows": float("nan")},
        {"rows": float("inf")}, {"rows": MAX_AMOUNT + 1}, {"rows": [1, 2]}, {"seconds": 3},
        '{"rows": NaN}', '{"rows": 1e400}', '{"rows": ' + "9" * 5000 + "}", "[" * 10_000,
        json.dumps({"rows": 1, "more": "x" * MAX_TEXT}), json.dumps(json.dumps('{"rows": 1}')),
    ],
)  # fmt: skip
def test_what_tells_no_amount_is_no_claim(value: object) -> None:
    assert told(value, NAMES) is None
    assert told_under("return_value", value, NAMES) is None


def test_a_bare_number_counts_under_the_name_of_an_amount_only() -> None:
    assert told_under("rows", 7, NAMES) == xcom(rows=7)
    assert told_under("records_processed", 7, NAMES) == xcom(rows=7)
    assert told_under("bytes", 7, NAMES) == xcom(bytes=7)
    assert told_under("seconds", 7, NAMES) == xcom(seconds=7.0)
    assert told_under("return_value", 7, NAMES) is None
    assert told_under("loaded", 7, NAMES) is None
    assert told_under("rows", True, NAMES) is None
    assert told_under("rows", {"rows": 7, "stage": "gold"}, NAMES) == xcom(rows=7, stage="gold")


def test_the_names_are_the_users() -> None:
    names = Names(rows=("loaded",))
    assert told_under("loaded", 7, names) == xcom(rows=7)
    assert told({"rows": 1}, names) is None
    assert "loaded" in names.keys
    assert "loaded" in names.fields


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(NAMES.fields) | st.text(), inner)
    ),
    max_leaves=10,
)


@given(_JSON | _JSON.map(json.dumps))
def test_whatever_is_returned_is_read_or_refused(value: object) -> None:
    claim = told(value, NAMES)
    if claim is not None:
        assert claim.tells
        for each in (claim.rows, claim.bytes):
            assert each is None or 0 <= each <= MAX_AMOUNT
