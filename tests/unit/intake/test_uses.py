"""A use waits until its DAG is known, and then counts once, whatever comes twice or ends."""

from __future__ import annotations

import pytest

from exporter import catalogue
from exporter.intake import uses
from exporter.intake.payload import Use
from exporter.intake.uses import COUNTED_SECONDS, WAITING_SECONDS, Step, Uses
from exporter.samples import EntryKey

USE = Use("etl", "load", cpu_seconds=2.5, peak_memory_bytes=7, read_bytes=0)


def known(_dag_id: str) -> bool:
    return True


def unknown(_dag_id: str) -> bool:
    return False


def applied(entries: dict[EntryKey, str], step: Step) -> dict[EntryKey, str]:
    """Return the entries that the ledger holds after a step."""
    left = {key: text for key, text in entries.items() if key not in set(step.checkpoint.drop)}
    return {**left, **step.checkpoint.put}


def test_what_is_known_of_a_use_counts_and_the_rest_does_not() -> None:
    ours = Uses({})
    assert ours.take("a", USE, 100.0, known=False)
    step = ours.step(known, 100.0)
    assert [(each.family, each.labels, each.value) for each in step.increments] == [
        (catalogue.TASK_CPU, ("etl", "load"), 2.5),
        (catalogue.TASK_PEAK_MEMORY, ("etl", "load"), 7.0),
        (catalogue.TASK_READ, ("etl", "load"), 0.0),
    ]


def test_a_use_counts_once_however_often_it_comes() -> None:
    ours = Uses({})
    for _ in range(2):
        ours.take("a", USE, 100.0, known=False)
    first = ours.step(known, 100.0)
    ours.accepted(first)
    ours.take("a", USE, 101.0, known=False)
    assert len(first.increments) == 3
    assert ours.step(known, 101.0).increments == []


def test_a_step_that_was_not_accepted_is_made_again() -> None:
    ours = Uses({})
    ours.take("a", USE, 100.0, known=False)
    assert ours.step(known, 100.0).increments == ours.step(known, 101.0).increments


def test_a_use_of_an_unknown_dag_waits_and_survives_a_restart() -> None:
    ours = Uses({})
    ours.take("a", USE, 100.0, known=False)
    step = ours.step(unknown, 100.0)
    assert step.increments == []
    ours.accepted(step)
    assert ours.step(unknown, 101.0).checkpoint.put == {}
    again = Uses(applied({}, step))
    assert len(again.step(known, 102.0).increments) == 3


def test_a_restart_counts_nothing_again() -> None:
    ours = Uses({})
    ours.take("a", USE, 100.0, known=False)
    waiting = ours.step(unknown, 100.0)
    ours.accepted(waiting)
    counted = ours.step(known, 101.0)
    entries = applied(applied({}, waiting), counted)
    assert counted.checkpoint.everything() == entries
    ours.accepted(counted)
    assert counted.checkpoint.everything() == entries
    again = Uses(entries)
    again.take("a", USE, 102.0, known=False)
    assert again.step(known, 102.0).increments == []


def test_a_use_whose_dag_stays_unknown_is_dropped_in_the_end() -> None:
    ours = Uses({})
    ours.take("a", USE, 100.0, known=False)
    entries = applied({}, first := ours.step(unknown, 100.0))
    ours.accepted(first)
    late = ours.step(unknown, 101.0 + WAITING_SECONDS)
    assert applied(entries, late) == {}
    ours.accepted(late)
    assert ours.waiting == 0


def test_what_was_counted_is_forgotten_when_it_is_old() -> None:
    ours = Uses({})
    ours.take("a", USE, 100.0, known=False)
    entries = applied({}, first := ours.step(known, 100.0))
    ours.accepted(first)
    late = ours.step(known, 101.0 + COUNTED_SECONDS)
    assert applied(entries, late) == {}


def test_what_waits_and_what_was_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "MAX_STRANGERS", 3)
    monkeypatch.setattr(uses, "MAX_WAITING", 5)
    monkeypatch.setattr(uses, "MAX_COUNTED", 2)
    ours = Uses({})
    assert [ours.take(key, USE, 100.0, known=False) for key in "abcd"] == [True, True, True, False]
    assert [ours.take(key, USE, 100.0, known=True) for key in "efg"] == [True, True, False]
    entries: dict[EntryKey, str] = {}
    for now in (100.0, 101.0):
        entries = applied(entries, step := ours.step(known, now))
        ours.accepted(step)
        ours.take("d", USE, 101.0, known=False)
    assert sum(section == uses.COUNTED for section, _ in entries) <= 5
    assert (uses.COUNTED, "d") in entries


def test_invented_uses_leave_room_to_those_of_dags_that_are_known() -> None:
    ours = Uses({})
    for number in range(uses.MAX_STRANGERS):
        assert ours.take(f"k{number}", Use("invented", "t", 1.0), 0.0, known=False)
    ours.accepted(ours.step(lambda dag_id: dag_id == "etl", 0.0))
    assert ours.waiting == uses.MAX_STRANGERS
    assert ours.take("real", USE, 1.0, known=True)
    assert len(ours.step(lambda dag_id: dag_id == "etl", 1.0).increments) == 3


@pytest.mark.parametrize("text", ["", "{", "[1]", '["x"]', "null"])
def test_entries_that_make_no_sense_are_told(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        Uses({(uses.WAITING, "a"): text})
