"""Quantities as people read them: short whatever they are, and never larger than they are."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.quantities import amount, clock, decimal, share, size, whole

SHOWN = (amount, clock, decimal, share, size, whole)
WIDEST = len("-1,000,000,000.0")


@given(st.sampled_from(SHOWN), st.floats() | st.integers())
@example(amount, 10**400)
@example(size, -(10**400))
@example(clock, inf)
@example(decimal, -inf)
@example(share, 1e300)
def test_no_figure_is_wider_than_a_column(shown: Callable[[float], str], value: float) -> None:
    assert 0 < len(shown(value)) <= WIDEST
    assert shown(value).isprintable()


@pytest.mark.parametrize("shown", [amount, clock, size])
@given(first=st.floats(0, 1e300), second=st.floats(0, 1e300))
def test_what_is_larger_is_not_told_as_less(
    shown: Callable[[float], str], first: float, second: float
) -> None:
    assert (told(shown(first)) <= told(shown(second))) or first > second


def told(text: str) -> float:
    """Return a figure as a reader takes it."""
    lengths = {
        "s": 1, "min": 60, "h": 3600, "d": 86400, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
        "P": 1e15, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50,
    }  # fmt: skip
    number, _, unit = text.removeprefix("> ").replace(",", "").partition(" ")
    return inf if text.startswith(">") else float(number) * lengths[unit]


@pytest.mark.parametrize(
    ("shown", "value", "text"),
    [
        (amount, 9_999.4, "9,999"), (amount, 12_340, "12.3 k"), (amount, 1.2e6, "1.2 M"),
        (amount, 3e9, "3.0 G"), (amount, 4e12, "4.0 T"), (amount, 5e17, "500.0 P"),
        (amount, 1e18, "> 999 P"), (amount, -1e300, "< -999 P"), (amount, -12_340, "-12.3 k"),
        (amount, nan, "-"),
        (size, 200 * 2**20, "200 MiB"), (size, 3 * 2**29, "1.5 GiB"), (size, 2**41, "2.0 TiB"),
        (size, 2.0**52, "4.0 PiB"), (size, inf, "> 999 PiB"), (size, nan, "-"),
        (clock, 1.7, "1.7 s"), (clock, 119, "119 s"), (clock, 234, "3.9 min"),
        (clock, 9000, "2.5 h"), (clock, 7 * 86400, "7.0 d"), (clock, -90, "-90 s"),
        (clock, 1e300, "> 999,999 d"), (clock, nan, "-"),
        (whole, 21_300, "21,300"), (whole, 1e9, "1.0 G"), (whole, -5e9, "-5.0 G"),
        (decimal, 98.6, "98.6"), (decimal, 1e300, "> 999 P"), (decimal, nan, "-"),
        (share, 0.028, "2.8%"), (share, -inf, "< -999,999,999%"), (share, nan, "-"),
    ],
)  # fmt: skip
def test_figures_read_as_people_write_them(
    shown: Callable[[float], str], value: float, text: str
) -> None:
    assert shown(value) == text
