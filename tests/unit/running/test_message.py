"""Running tries as JSON."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.running import message
from exporter.running.tries import RunningTries
from tests.unit.running.tries import TRIES, one, several


@given(TRIES)
def test_what_was_written_is_read_as_it_was(tries):
    assert message.loaded(message.dumped(tries)) == tries


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"<html>", b"\xff", b"[" * 100_000, b'{"schema": "another/1"}',
        message.dumped(several(one())).replace(b"50.0", b"NaN"),
        message.dumped(several(one())).replace(b'"processes": 2', b'"processes": null'),
        message.dumped(several(one())).replace(b'"dag_id"', b'"dag"'),
        message.dumped(several(one())).replace(b"1800000000.0", b"1e300"),
        message.dumped(several(one())).replace(b"1800000000.0", b"-1"),
        message.dumped(several(one(map_index=2**31))),
        message.dumped(several(one(try_number=2**31))),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(body):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        message.loaded(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(st.sampled_from(["at", "total", "nameless", "tries"]), _JSON)
def test_a_hostile_message_is_refused_or_read(field, value):
    told = json.loads(message.dumped(several(one())))
    with suppress(ValueError):
        assert isinstance(message.loaded(json.dumps({**told, field: value}).encode()), RunningTries)


def test_a_long_message_is_cut_and_so_are_long_names():
    tries = [one("d" * 1000)] * (message.MAX_TRIES + 1)
    found = message.loaded(message.dumped(several(*tries)))
    assert len(found.tries) == message.MAX_TRIES
    assert len(found.tries[0].dag_id) == 250
