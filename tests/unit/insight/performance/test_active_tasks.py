"""Tasks of DAGs at a time, against a count second by second and against pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.insight.performance import active_tasks as module
from exporter.insight.performance.active_tasks import ActiveTasks
from exporter.insight.performance.past import PastTry
from exporter.insight.performance.tally import Periods

PERIODS = Periods(0.0, 600.0, 1800.0)
LIMITS = {"a": 1, "b": 2, "c": 3}


@st.composite
def tries(draw: st.DrawFn) -> PastTry:
    """Return a try that was queued before it started, or deferred and queued again."""
    start = draw(st.integers(300, 1700))
    end = start + draw(st.integers(0, 400))
    requeued = draw(st.none() | st.integers(start, end))
    queued = None if requeued is not None else draw(st.none() | st.integers(start - 60, start))
    scheduled = None if queued is None else draw(st.none() | st.integers(queued - 90, queued + 5))
    moments = [None if each is None else float(each) for each in (scheduled, queued, requeued)]
    return PastTry(
        draw(st.sampled_from("abcd")), draw(st.sampled_from("xyz")), draw(st.sampled_from("rst")),
        draw(st.integers(0, 3)), "success", float(start), float(end), *moments[:2], "q", "p", 1,
        requeued=moments[2],
    )  # fmt: skip


def taken_in(found: list[PastTry], *, of_each_run: bool) -> ActiveTasks:
    active = ActiveTasks(PERIODS, LIMITS, of_each_run=of_each_run)
    for run in "rst":
        for each in found:
            if each.run_id == run:
                active.add(each)
        active.end_page()
    active.end()
    return active


def frame(found: list[PastTry]) -> pd.DataFrame:
    """Return the tries that count, with `held`: since when they were queued or running."""
    rows = pd.DataFrame(found, columns=PastTry._fields)
    rows = rows[rows["end"].between(600, 1800) & rows["dag_id"].isin(LIMITS)].copy()
    known = rows[["requeued", "queued", "start"]].astype(float)
    rows["held"] = known.bfill(axis=1)["requeued"]
    return rows


@settings(max_examples=40)
@given(st.lists(tries(), max_size=40))
def test_the_limit_of_a_run_is_reached_as_a_count_of_each_second_says(found: list[PastTry]) -> None:
    active = taken_in(found, of_each_run=True)
    rows = frame(found)
    assert active.dags.keys() == {*rows["dag_id"]}
    for dag_id, of_dag in rows.groupby("dag_id"):
        counts = np.zeros((3, 1800), int)
        for row in of_dag.itertuples():
            counts["rst".index(row.run_id), int(row.held) : int(row.end)] += 1
        told = counts[:, 600:]
        assert active.dags[str(dag_id)].use == (
            (told > 0).sum(), (told >= LIMITS[str(dag_id)]).sum(), told.max(),
        )  # fmt: skip


@settings(max_examples=40)
@given(st.lists(tries(), max_size=40))
def test_the_limit_of_a_dag_is_reached_as_means_of_minutes_say(found: list[PastTry]) -> None:
    active = taken_in(found, of_each_run=False)
    rows = frame(found)
    assert active.dags.keys() == {*rows["dag_id"]}
    for dag_id, of_dag in rows.groupby("dag_id"):
        held, ends = of_dag["held"].to_numpy(), of_dag["end"].to_numpy()
        means = [
            np.clip(np.minimum(ends, minute + 60) - np.maximum(held, minute), 0, None).sum() / 60
            for minute in range(600, 1800, 60)
        ]
        full = [each for each in means if each >= 0.95 * LIMITS[str(dag_id)]]
        use = active.dags[str(dag_id)].use
        assert use.most == pytest.approx(max(means))
        assert (use.busy_seconds, use.full_seconds) == (
            60 * len([each for each in means if each > 0]), 60 * len(full),
        )  # fmt: skip


@settings(max_examples=40)
@given(st.lists(tries(), max_size=40))
def test_waits_are_those_from_scheduled_to_queued(found: list[PastTry]) -> None:
    active = taken_in(found, of_each_run=True)
    rows = frame(found)
    waits = rows["queued"].astype(float) - rows["scheduled"].astype(float)
    for dag_id, dag in active.dags.items():
        expected = waits[(rows["dag_id"] == dag_id) & (waits >= 0)]
        assert dag.waits.ordered() == sorted(expected)


def one(dag_id: str, run_id: str = "r") -> PastTry:
    return PastTry(dag_id, "t", run_id, -1, "success", 700.0, 760.0, None, None, "q", "p", 1)


@pytest.mark.parametrize("of_each_run", [True, False])
def test_memory_is_bounded_and_what_it_leaves_out_is_told(
    monkeypatch: pytest.MonkeyPatch, of_each_run: bool
) -> None:
    minutes = math.ceil((PERIODS.end - PERIODS.split) / 60)
    monkeypatch.setattr(module, "MAX_NUMBERS", 4 if of_each_run else 4 * (minutes + 2))
    active = ActiveTasks(PERIODS, LIMITS, of_each_run=of_each_run)
    for dag_id in "ab":
        active.add(one(dag_id))
    active.end_page()
    assert not active.has_untold
    for dag_id in "abc":
        active.add(one(dag_id, "s"))
    active.end_page()
    active.end()
    assert active.has_untold
    assert active.dags["c"].use.busy_seconds == 0
    assert active.dags["b"].use.busy_seconds > 0


def test_more_dags_than_are_told_apart_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DAGS", 2)
    active = ActiveTasks(PERIODS, LIMITS, of_each_run=True)
    for dag_id in "abc":
        active.add(one(dag_id))
    assert active.has_untold
    assert active.dags.keys() == {"a", "b"}
