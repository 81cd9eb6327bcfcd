"""What tries and claims on them come to in metrics."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from exporter import catalogue
from exporter.rows import timed, window
from exporter.rows.account import (
    Account,
    Step,
    Terms,
    advanced,
    announced,
    info_samples,
)
from exporter.rows.book import ClaimBook
from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.settlement import Waiting
from exporter.rows.stages import Placing, Rule
from exporter.rows.tasks import REMEMBERED_SECONDS
from exporter.samples import Sample

ONE = TryId("dag", "load", "r", -1, 1)
TWO = TryId("dag", "load", "r", -1, 2)
START = 1_000_020.0
TERMS = Terms()
SALES = Terms(Placing((Rule(task=re.compile("load"), pipeline="sales", stage="silver"),)))


def counts(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    """Return sums by family and labels, without the prefix and suffix of the families' names."""
    found: Counter[tuple[str, ...]] = Counter()
    for each in samples:
        name = each.family.name.removeprefix("data_").removesuffix("_total")
        found[(name, *map(str, each.labels))] += each.value
    return dict(found)


def waiting(outcome: str = "success", at: float = START) -> Waiting:
    return Waiting(outcome, 30.0, at)


def explicit(rows: int | None = None, **more: object) -> Claim:
    return Claim(Source.EXPLICIT, rows=rows, **more)  # type: ignore[arg-type]


def told(
    *claims: Claim,
    outcome: str = "success",
    account: Account = Account(),  # noqa: B008 - frozen
    terms: Terms = TERMS,
    at: float = START,
    on: TryId = ONE,
) -> Step:
    """Return the step that settles a try which was counted at a moment."""
    book = ClaimBook()
    book.put(on, claims, None, at)
    counted = advanced(account, {on: waiting(outcome, at)}, book, at, terms)
    assert counted.increments == []
    return advanced(counted.account, {}, book, at + 10.0, terms)


def test_what_a_successful_try_wrote_is_processed() -> None:
    step = told(explicit(5, bytes=100, seconds=2.0), explicit(3, pipeline="p", stage="gold"))
    assert counts(step.increments) == {
        ("rows_processed", "dag", "unknown", "dag", "load"): 5,
        ("bytes_processed", "dag", "unknown", "dag", "load"): 100,
        ("processing_seconds", "dag", "unknown", "dag", "load"): 2,
        ("rows_processed", "p", "gold", "dag", "load"): 3,
        ("processing_seconds", "p", "gold", "dag", "load"): 30,
        ("timed_rows", "dag", "unknown"): 5,
        ("timed_rows_seconds", "dag", "unknown"): 2,
        ("timed_bytes", "dag", "unknown"): 100,
        ("timed_bytes_seconds", "dag", "unknown"): 2,
        ("timed_rows", "p", "gold"): 3,
        ("timed_rows_seconds", "p", "gold"): 30,
    }
    assert list(step.used) == [ONE]


@pytest.mark.parametrize("outcome", ["failed", "up_for_retry", "skipped"])
def test_what_another_try_wrote_is_told_apart(outcome: str) -> None:
    step = told(explicit(5, bytes=100), outcome=outcome)
    assert counts(step.increments) == {("rows_failed_try", "dag", "unknown", "dag", "load"): 5}
    assert list(info_samples(step.account, TERMS)) == [
        Sample(catalogue.TASK_INFO, ("dag", "load", "dag", "unknown"), 1.0)
    ]


def test_no_rows_are_rows_and_unknown_rows_are_not() -> None:
    assert counts(told(explicit(0)).increments) == {
        ("rows_processed", "dag", "unknown", "dag", "load"): 0,
        ("processing_seconds", "dag", "unknown", "dag", "load"): 30,
        ("timed_rows", "dag", "unknown"): 0,
        ("timed_rows_seconds", "dag", "unknown"): 30,
    }
    assert told().increments == []


def test_a_try_without_rows_is_unknown_when_its_task_has_told_before() -> None:
    before = told(explicit(5, stage="gold")).account
    step = told(account=before, at=START + 100, on=TWO)
    unknown = ("tries_rows_unknown", "dag", "gold", "dag", "load")
    assert counts(step.increments) == {unknown: 1}
    bytes_alone = told(explicit(bytes=1, stage="gold"), account=before, at=START + 100, on=TWO)
    assert counts(bytes_alone.increments)[unknown] == 1
    other = told(account=before, at=START + 100, on=TWO._replace(task_id="other"))
    assert other.increments == []


def test_a_try_without_rows_is_unknown_when_a_rule_names_its_task() -> None:
    assert counts(told(terms=SALES).increments) == {
        ("tries_rows_unknown", "sales", "silver", "dag", "load"): 1
    }


def test_a_late_claim_does_not_make_a_known_try_unknown() -> None:
    before = told(explicit(5)).account
    book = ClaimBook()
    book.put(ONE, [explicit(bytes=7)], None, START)
    late = advanced(before, {}, book, START + 60.0, TERMS)
    assert counts(late.increments) == {
        ("rows_processed", "dag", "unknown", "dag", "load"): 0,
        ("bytes_processed", "dag", "unknown", "dag", "load"): 7,
        ("processing_seconds", "dag", "unknown", "dag", "load"): 0,
        ("timed_bytes", "dag", "unknown"): 7,
        ("timed_bytes_seconds", "dag", "unknown"): 30,
    }


def test_what_is_not_wanted_settles_and_counts_nowhere() -> None:
    terms = replace(TERMS, wanted=lambda dag_id: dag_id != "dag")
    step = told(explicit(5), terms=terms)
    assert (step.increments, list(step.used)) == ([], [ONE])
    assert step.account.tasks == {}


def test_series_are_announced_for_what_tasks_have_told() -> None:
    account = told(explicit(5, stage="gold")).account
    labels = ("dag", "gold", "dag", "load")
    families = {catalogue.ROWS_PROCESSED, catalogue.ROWS_FAILED_TRY, catalogue.TRIES_ROWS_UNKNOWN,
                catalogue.PROCESSING_SECONDS}  # fmt: skip
    assert set(announced(account, [("dag", "load"), ("dag", "other")], [], TERMS)) == {
        *((family, labels) for family in families),
        *((family, ("dag", "gold")) for family in timed.ROWS),
    }
    unwanted = replace(TERMS, wanted=lambda _: False)
    assert not [*announced(account, [("dag", "load")], [(ONE, explicit(1))], unwanted)]


def test_series_are_announced_for_tasks_that_a_rule_names() -> None:
    account = advanced(Account(), {}, ClaimBook(), START, SALES, active=[("dag", "load")]).account
    found = dict(announced(account, [("dag", "load")], [], SALES))
    assert found[catalogue.TRIES_ROWS_UNKNOWN] == ("sales", "silver", "dag", "load")
    assert catalogue.BYTES_PROCESSED not in found


def test_series_are_announced_for_a_claim_on_a_live_try() -> None:
    claim = Claim(Source.EXPLICIT, bytes=5, stage="gold")
    found = dict(announced(Account(), [], [(ONE, claim)], TERMS))
    assert found == {
        catalogue.BYTES_PROCESSED: ("dag", "gold", "dag", "load"),
        catalogue.PROCESSING_SECONDS: ("dag", "gold", "dag", "load"),
        **dict.fromkeys(timed.BYTES, ("dag", "gold")),
    }


def rates(account: Account, at: float) -> dict[tuple[str, ...], float]:
    return counts(list(window.rates(account.window, at)))


def test_rates_are_sums_over_sums_of_the_tries_in_the_window() -> None:
    account = told(explicit(60, bytes=3_000_000, seconds=2.0)).account
    account = told(
        explicit(bytes=1_000_000, seconds=2.0), account=account, at=START + 300, on=TWO
    ).account
    later = START + 400
    assert rates(account, later) == {
        ("processing_rate_mbps", "dag", "unknown"): 1.0,
        ("processing_rows_per_second", "dag", "unknown"): 30.0,
    }
    assert rates(account, START + 910) == {("processing_rate_mbps", "dag", "unknown"): 0.5}
    assert rates(account, START + 1300) == {}
    emptied = advanced(account, {}, ClaimBook(), START + 1300, TERMS).account
    assert emptied.window == {}


def test_a_task_stands_under_one_stage_the_last_that_it_told() -> None:
    def infos(account: Account) -> list[tuple[str | None, ...]]:
        return [
            each.labels
            for each in info_samples(account, TERMS)
            if each.family is catalogue.TASK_INFO
        ]

    name = ("dag", "load_sl")
    on = ONE._replace(task_id="load_sl")
    placed = advanced(Account(), {}, ClaimBook(), START, TERMS, active=[name, ("dag", "x")]).account
    assert infos(placed) == [(*name, "dag", "silver")]
    both = told(explicit(1, stage="br"), explicit(1, stage="gd"), account=placed, on=on).account
    assert infos(both) == [(*name, "dag", "br")]
    again = advanced(both, {}, ClaimBook(), START + 7200, TERMS, active=[name]).account
    assert infos(again) == [(*name, "dag", "br")]
    moved = told(explicit(1, stage="new"), account=again, on=on, at=START + 7300).account
    assert infos(moved) == [(*name, "dag", "new")]


def test_a_task_is_forgotten_when_it_was_not_seen_for_a_week() -> None:
    account = told(explicit(1)).account
    kept = advanced(account, {}, ClaimBook(), START + REMEMBERED_SECONDS, TERMS).account
    assert list(kept.tasks) == [("dag", "load")]
    gone = advanced(account, {}, ClaimBook(), START + REMEMBERED_SECONDS + 11, TERMS).account
    assert gone.tasks == {}
    again = told(explicit(1), account=account, at=START + 4000, on=TWO).account
    assert advanced(again, {}, ClaimBook(), START + REMEMBERED_SECONDS + 11, TERMS).account.tasks


def test_a_step_without_news_changes_nothing() -> None:
    account = told(explicit(5, bytes=5)).account
    step = advanced(account, {}, ClaimBook(), START + 20.0, TERMS, active=[("dag", "load")])
    assert step.account.tries.waiting is account.tries.waiting
    assert step.account.tries.settled is account.tries.settled
    assert step.account.tasks is account.tasks
    assert step.account.window is account.window
