"""Bodies are cut into bounded slices and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web import wire
from exporter.web.messages import Request

_SIZES = st.integers(0, 3 * wire.SLICE_BYTES) | st.integers(0, 100)


@given(st.lists(_SIZES, max_size=12))
def test_slices_are_bounded_and_make_up_the_body(sizes: list[int]) -> None:
    blocks = [bytes((i,)) * size for i, size in enumerate(sizes)]
    slices = list(wire.slices(blocks))
    assert b"".join(slices) == b"".join(blocks)
    assert all(0 < len(piece) <= wire.SLICE_BYTES for piece in slices)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("10", 10.0), ("9.5", 9.5), ("0.000001", 0.000001),
        ("", None), ("-1", None), ("nan", None), ("inf", None), ("1e9", None), ("5, 5", None),
        ("9" * 400, None), ("\u0665", None),
    ],
)  # fmt: skip
def test_a_scrapers_time_out_is_seconds_or_nothing(told: str, seconds: float | None) -> None:
    headers = {"x-prometheus-scrape-timeout-seconds": told}
    assert wire.scrape_timeout(Request("GET", "/", "", headers)) == seconds
    assert wire.scrape_timeout(Request("GET", "/", "", {})) is None


def test_small_blocks_share_a_slice() -> None:
    assert list(wire.slices([b"a", b"b", b"c"])) == [b"abc"]


def test_a_block_of_one_slice_is_not_copied() -> None:
    block = b"x" * wire.SLICE_BYTES
    (piece,) = wire.slices([block])
    assert piece is block
