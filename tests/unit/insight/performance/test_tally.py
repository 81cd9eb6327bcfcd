"""What a pass adds up, against pandas on random tries; and what it leaves apart."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance import tally as module
from exporter.insight.performance.past import PastRun, PastTry
from exporter.insight.performance.runs import Span
from exporter.insight.performance.tally import Periods, Tally

PERIODS = Periods(1000.0, 2000.0, 3000.0)
OUTCOMES = ("success", "failed", "skipped", "up_for_retry")


@st.composite
def tries(draw: st.DrawFn) -> PastTry:
    start = draw(st.integers(0, 3200))
    queued = draw(st.none() | st.integers(0, 50))
    return PastTry(
        "d", draw(st.sampled_from("ab")), "r", -1, draw(st.sampled_from(OUTCOMES)), float(start),
        float(start + draw(st.integers(0, 400))), None,
        None if queued is None else float(start - queued), draw(st.sampled_from(["q", None])),
        "p", draw(st.integers(1, 3)),
    )  # fmt: skip


@given(st.lists(tries(), max_size=60))
def test_totals_are_those_of_pandas(given_tries: list[PastTry]) -> None:
    tally = Tally(PERIODS)
    for each in given_tries:
        tally.add_try(each)
    found = pd.DataFrame(given_tries, columns=PastTry._fields)
    found["seconds"] = found["end"] - found["start"]
    now = found[found["end"].between(2000, 3000)]
    before = found[(found["end"] >= 1000) & (found["end"] < 2000)]
    assert (tally.tries, tally.tries_before) == (len(now), len(before))
    assert tally.seconds == now["seconds"].sum()
    failed = now[now["outcome"].isin(["failed", "up_for_retry"])]
    for (_, task), totals in tally.tasks.items():
        of_task = failed[failed["task_id"] == task]
        assert (totals.failed_tries, totals.failed_seconds) == (
            len(of_task), of_task["seconds"].sum(),
        )  # fmt: skip
        assert totals.retried_tries == (of_task["outcome"] == "up_for_retry").sum()
        for sample, period in ((totals.before, before), (totals.now, now)):
            good = period[(period["task_id"] == task) & (period["outcome"] == "success")]
            assert sample.ordered() == sorted(good["seconds"])
    waits = now.dropna(subset=["queued"])
    waits = (waits["start"] - waits["queued"]).groupby(waits["queue"].fillna("")).sum()
    assert {queue: each.total for (queue, _), each in tally.queue_waits.items()} == waits.to_dict()


def test_only_runs_that_ended_now_and_went_well_have_a_shape() -> None:
    tally = Tally(PERIODS)
    spans = {"a": Span(2100.0, 2160.0)}
    for state, end, due in (
        ("success", 2200.0, 2090.0),
        ("failed", 2300.0, 2100.0),
        ("success", 1500.0, 0.0),
    ):
        tally.add_run(PastRun("d", "r", state, 2100.0, end, due), spans, {"a": []})
    assert tally.dags["d"].runs == 1
    assert tally.dags["d"].paths.most_common() == [(("a",), 1)]
    assert tally.start_delays["d"].ordered() == [0.0, 10.0]


def test_more_tasks_and_pools_than_are_told_apart_are_in_the_totals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_TASKS", 2)
    monkeypatch.setattr(module, "MAX_NAMES", 2)
    tally = Tally(PERIODS)
    for number in range(5):
        name = f"n{number}"
        tally.add_try(
            PastTry("d", name, "r", -1, "success", 2100.0, 2110.0, 2080.0, 2090.0, name, name, 1)
        )
    assert len(tally.tasks) == 2
    assert tally.untold_tasks
    assert (tally.tries, tally.seconds) == (5, 50.0)
    assert sum(each.count for each in tally.queue_waits.values()) == 5
    assert len(tally.pools) == len(tally.queue_waits) == 3
    assert sum(each.count for each in tally.pool_waits.values()) == 5
    assert tally.pool_waits.keys() == tally.pools.keys()
