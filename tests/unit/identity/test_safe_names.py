"""Label values are made as Airflow makes them, and read back only where one id fits."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.identity import safe_names
from exporter.identity.safe_names import SafeNames, may_be_shortened, safe_label_value

LONG = "ingest." * 12 + "customers"


def as_airflow_does(text: str) -> str:
    """Return the value by the one regular expression that the provider's rule is written in."""
    safe = re.sub(r"^[^a-z0-9A-Z]*|[^a-zA-Z0-9_\-\.]|[^a-z0-9A-Z]*$", "", text)
    if len(safe) > 63 or text != safe:
        safe = safe[:53] + "-" + hashlib.md5(text.encode()).hexdigest()[:9]
    return safe


@pytest.mark.parametrize(
    ("text", "label"),
    [
        # From the tests of Airflow's Kubernetes provider, and from a user's log.
        ("manual__2016-01-01T01:00:00+01:00", "manual__2016-01-01T0100000100-da4d1ce7b"),
        ("scheduled__2023-03-08T01:30:00+00:00", "scheduled__2023-03-08T0130000000-77fa57adf"),
        ("dag", "dag"),
        ("group.task_1-a", "group.task_1-a"),
    ],
)
def test_labels_are_what_airflow_writes(text, label):
    assert safe_label_value(text) == label


@given(st.text() | st.text("ab9-_.:é \n", max_size=80))
def test_every_text_becomes_the_label_that_airflows_rule_gives(text):
    assert safe_label_value(text) == as_airflow_does(text)


@given(st.text("a9-_.", max_size=70) | st.from_regex(r"[a-z]{0,60}-[0-9a-f]{9}", fullmatch=True))
def test_whatever_is_not_its_own_label_has_one_that_looks_shortened(text):
    assert safe_label_value(text) == text or may_be_shortened(safe_label_value(text))


def test_a_shortened_name_is_known_by_the_tasks_of_the_database():
    names = SafeNames(lambda: {("other", "load"), (LONG, "täglich"), (LONG, "load")})
    label = safe_label_value(LONG)
    assert names.resolved(label, safe_label_value("täglich")) == (LONG, "täglich")
    assert names.resolved(label, "load") == (LONG, "load")


def test_a_name_that_cannot_be_shortened_needs_no_database():
    def unasked():
        raise AssertionError("asked")

    assert SafeNames(unasked).resolved("dag", "task") == ("dag", "task")
    assert SafeNames(unasked).resolved(LONG, "task") == (LONG, "task")


def test_an_id_that_only_looks_shortened_is_itself():
    names = SafeNames(lambda: {("load-deadbeef1", "task")})
    assert names.resolved("load-deadbeef1", "task") == ("load-deadbeef1", "task")


def test_a_name_that_fits_no_task_or_two_is_unknown():
    twin = safe_label_value(LONG)  # a DAG may be named like the label of another
    names = SafeNames(lambda: [(LONG, "task"), (twin, "task"), (LONG, "task")])
    assert names.resolved(twin, "task") is None
    assert names.resolved("gone-012345678", "task") is None


def test_a_name_stays_known_when_its_task_has_left_the_database():
    known = [{(LONG, "task")}, frozenset()]
    names = SafeNames(lambda: known[0])
    assert names.resolved(safe_label_value(LONG), "task") == (LONG, "task")
    known.pop(0)
    assert names.resolved(safe_label_value(LONG), "task") == (LONG, "task")
    assert names.resolved(safe_label_value(LONG + "x"), "task") is None


def test_a_name_is_found_once_the_database_knows_it():
    known = [frozenset()]
    names = SafeNames(lambda: known[-1])
    assert names.resolved(safe_label_value(LONG), "task") is None
    known.append(frozenset({(LONG, "task")}))
    assert names.resolved(safe_label_value(LONG), "task") == (LONG, "task")


def test_labels_are_worked_out_once_for_what_the_database_last_told(monkeypatch):
    known, made = frozenset({(LONG, "task")}), []
    real = safe_names.safe_label_value
    monkeypatch.setattr(
        safe_names, "safe_label_value", lambda text: made.append(text) or real(text)
    )
    names = SafeNames(lambda: known)
    for number in range(50):
        names.resolved(f"gone-{number:09}", "task")
    assert len(made) == 2


def test_only_so_many_names_are_kept(monkeypatch):
    monkeypatch.setattr(safe_names, "MAX_RESOLVED", 3)
    known = [frozenset((f"{LONG}{number}", "task") for number in range(5))]
    names = SafeNames(lambda: known[-1])
    labels = [safe_label_value(f"{LONG}{number}") for number in range(5)]
    assert all(names.resolved(label, "task") for label in labels)
    known.append(frozenset())
    assert [names.resolved(label, "task") is not None for label in labels] == [False] * 2 + [
        True
    ] * 3
