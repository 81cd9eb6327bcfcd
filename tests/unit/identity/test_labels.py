"""The task is named by annotations, else by labels, and never by what cannot be an id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.identity.labels import LabelKeys, names_a_task, task_of_container, task_of_pod
from exporter.identity.safe_names import SafeNames, safe_label_value
from exporter.model import Task

LONG = "warehouse." * 8 + "täglich"
RUN_ID = "manual__2026-11-22T07:26:21+00:00"
KNOWN = SafeNames(lambda: frozenset({(LONG, "load")}))
NONE = SafeNames(frozenset)

# As the Kubernetes provider writes them for a mapped task (pod_generator.py).
ANNOTATIONS = {
    "dag_id": LONG,
    "task_id": "group.load",
    "run_id": RUN_ID,
    "try_number": "2",
    "map_index": "7",
}
LABELS = {
    "dag_id": safe_label_value(LONG),
    "task_id": "load",
    "run_id": safe_label_value(RUN_ID),
    "try_number": "1",
    "kubernetes_pod_operator": "True",
}

VALUES = st.dictionaries(
    st.sampled_from(["dag_id", "task_id", "run_id", "try_number", "map_index"]) | st.text(),
    st.text() | st.none() | st.integers() | st.lists(st.text()),
)


def test_the_executors_annotations_are_exact():
    assert task_of_pod(ANNOTATIONS, LABELS, NONE) == Task(LONG, "group.load", RUN_ID, 7, 2)


def test_the_operators_labels_are_read_back_and_a_shortened_run_is_unknown():
    assert task_of_pod({}, LABELS, KNOWN) == Task(LONG, "load", None, -1, 1)
    assert task_of_pod({}, {**LABELS, "run_id": "run_1"}, KNOWN) == Task(
        LONG, "load", "run_1", -1, 1
    )


def test_a_pod_whose_labels_are_not_understood_names_a_task_all_the_same():
    assert task_of_pod({}, LABELS, NONE) is None
    assert names_a_task({}, LABELS)
    assert names_a_task(ANNOTATIONS, {})
    assert not names_a_task({"dag_id": "dag"}, {"task_id": "task"})


def test_annotations_that_name_no_task_leave_it_to_the_labels():
    annotations = {"dag_id": "dag", "checksum/config": "abc"}
    assert task_of_pod(annotations, LABELS, KNOWN) == Task(LONG, "load", None, -1, 1)


def test_a_containers_labels_are_taken_as_they_are():
    labels = {"dag_id": LABELS["dag_id"], "task_id": "load", "com.docker.compose.project": "x"}
    assert task_of_container(labels) == Task(LABELS["dag_id"], "load")


def test_the_first_key_with_a_usable_value_counts():
    keys = LabelKeys(dag_id=("com.example.dag", "dag_id"), task_id=("com.example.task", "task_id"))
    labels = {
        "com.example.dag": "first",
        "dag_id": "second",
        "com.example.task": "",
        "task_id": "t",
    }
    assert task_of_container(labels, keys) == Task("first", "t")
    assert task_of_container({"dag_id": "second"}, keys) is None


@pytest.mark.parametrize("value", ["", "x" * 251, "a\nb", "a\0b", "\ud800", None, 5, True, ["a"]])
def test_what_cannot_be_an_id_is_none(value):
    assert task_of_container({"dag_id": value, "task_id": "t"}) is None
    assert task_of_container({"dag_id": "d", "task_id": value}) is None
    assert task_of_container({"dag_id": "d", "task_id": "t", "run_id": value}) == Task("d", "t")


@pytest.mark.parametrize("value", ["", "1.5", "one", "9" * 10, "٣", None, 3])
def test_a_number_that_is_none_is_unknown(value):
    base = {"dag_id": "d", "task_id": "t"}
    assert task_of_container({**base, "try_number": value}) == Task("d", "t")
    told = {**base, "try_number": "1", "map_index": value}
    assert task_of_container(told) == Task("d", "t", None, None, 1)


@given(VALUES, VALUES)
def test_hostile_labels_give_a_bounded_printable_task_or_none(annotations, labels):
    task = task_of_pod(annotations, labels, KNOWN)
    assert task is None or names_a_task(annotations, labels)
    for text in () if task is None else (task.dag_id, task.task_id, task.run_id or "x"):
        assert 0 < len(text) <= 250
        assert text.isprintable()
        text.encode()
