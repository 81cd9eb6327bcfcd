"""Orders of running tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.running.tries import ORDERS
from tests.unit.running.tries import TRIES, one, several


def test_the_most_of_an_amount_come_first_and_the_unknown_last():
    slow, fast, unknown = (
        one(task_id=name, rows_per_second=rows)
        for name, rows in (("slow", 1.0), ("fast", 2.0), ("unknown", None))
    )
    found = several(unknown, slow, fast).most("rows", 2)
    assert (found.tries, found.total) == ([fast, slow], 3)
    assert several(unknown, slow).most("rows", 2).tries == [slow, unknown]


def test_equal_amounts_are_in_the_order_of_names():
    tries = [one("b"), one("a", "z"), one("a", "y"), one("a", "y", map_index=3)]
    assert several(*tries).most("cpu", 9).tries == [tries[2], tries[3], tries[1], tries[0]]


@given(TRIES, st.sampled_from([*ORDERS]), st.integers(0, 10))
def test_every_order_takes_every_try(tries, order, limit):
    assert len(tries.most(order, limit).tries) == min(limit, len(tries.tries))


@pytest.mark.parametrize(("index", "shown"), [(None, "t"), (-1, "t"), (0, "t[0]"), (12, "t[12]")])
def test_a_mapped_task_shows_its_index(index, shown):
    assert one(map_index=index).task == shown
