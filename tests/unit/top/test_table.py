"""The table of `top`, on hostile names and any width."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.running import message
from exporter.running.tries import ORDERS, RunningTries, RunningTry
from exporter.top.cells import fitted, tame, width
from exporter.top.live import block
from exporter.top.table import summary, table
from tests.unit.running.tries import NAME, TRIES, one, several


@given(NAME, st.integers(0, 60), st.booleans())
def test_any_text_takes_exactly_its_cells(text, cells, right):
    shown = fitted(tame(text), cells, right=right)
    assert width(shown) == cells
    assert shown.isprintable()
    assert not any(unicodedata.combining(each) for each in shown)


@given(TRIES, st.sampled_from([*ORDERS]), st.integers(1, 200))
def test_no_line_is_wider_than_the_terminal_once_fitted(tries, order, cells):
    lines = [*table(tries, order, cells)]
    assert len(lines) == 1 + len(tries.tries)
    for line in lines:
        assert line.isprintable()
        assert width(fitted(line, cells)) == cells


WILD = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.floats(allow_nan=False)
FIGURES = st.dictionaries(
    st.sampled_from([each.name for each in fields(RunningTry)]),
    WILD | st.sampled_from([1e300, -1e300, 1.7e308, 2**62]),
)


@given(FIGURES, st.dictionaries(st.sampled_from(["at", "total", "nameless"]), WILD))
def test_whatever_an_exporter_answers_is_refused_or_shown(figures, whole):
    told = json.loads(message.dumped(several(one())))
    told |= {"tries": [{**told["tries"][0], **figures}] * 3, **whole}
    try:
        found = message.loaded(json.dumps(told).encode())
    except ValueError:
        return
    for order in ORDERS:
        assert all(line.isprintable() for line in block(found, order).splitlines())


@given(TRIES, st.integers(60, 200))
def test_lines_fit_by_themselves_where_there_is_room_for_names_and_cpu(tries, cells):
    small = [one(each.dag_id, each.task_id, map_index=each.map_index) for each in tries.tries]
    assert all(width(line) <= cells for line in table(several(*small), "cpu", cells))


def test_the_figures_stand_under_their_titles():
    tries = several(one("sales", "load", map_index=3, rows_per_second=1234.4))
    assert [*table(tries, "cpu", None)] == [
        "DAG    TASK     TRY  CPU %   MEMORY     PEAK   AGE  ROWS/S",
        "sales  load[3]    1   50.0  1.0 GiB  2.0 GiB  90 s   1,234",
    ]


def test_names_are_cut_and_columns_left_out_where_it_is_narrow():
    tries = several(one("a_long_dag_id_of_somebody", "a_long_task_id_of_somebody"))
    assert [*table(tries, "cpu", 44)] == [
        "DAG            TASK           CPU %   MEMORY",
        "a_long_dag_i…  a_long_task_…   50.0  1.0 GiB",
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", "\N{REPLACEMENT CHARACTER}[2J"),
        ("a\nb\rc", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"),
        ("\u202eabc", "\N{REPLACEMENT CHARACTER}abc"),
        ("e\u0301", "e\N{REPLACEMENT CHARACTER}"),
        ("表", "表"),
    ],
)
def test_a_name_can_do_nothing_to_the_terminal(name, shown):
    assert shown in [*table(several(one(name)), "cpu", 80)][1]


def test_the_summary_adds_up_and_says_what_is_not_listed():
    found = several(one(), one(), nameless=2).most("cpu", 1)
    assert summary(found) == (
        "08:00:00 UTC, 2 running (1 of them not listed), 0.5 cores, 1.0 GiB, 2 that nothing names"
    )


ABSURD = st.sampled_from([1e300, -1e300, 1e18, -1.0, 2**53])


@given(ABSURD, ABSURD, ABSURD)
def test_an_absurd_figure_takes_no_more_room_than_another(cpu, memory, rows):
    hostile = one(
        cpu_percent=cpu, memory_bytes=int(memory), peak_bytes=int(memory), age_seconds=cpu,
        rows_per_second=rows,
    )  # fmt: skip
    found = RunningTries(1.5, [hostile] * 9, int(1e300), int(1e300))
    assert all(width(line) <= 120 for line in [summary(found), *table(found, "cpu", None)])


def test_no_try_is_no_error():
    assert [*table(several(), "cpu", 40)]
