"""The labels of DockerOperators, by which their containers are known."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest


class DockerOperator:
    """Has labels as the provider's operator has."""

    dag_id, task_id = "d", "t"

    def __init__(self, labels: Any = None) -> None:
        self.labels = labels


class DecoratedOperator(DockerOperator):
    """As `@task.docker` makes one."""


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (None, {"dag_id": "d", "task_id": "t"}),
        ({"task_id": "mine", "a": "b"}, {"dag_id": "d", "task_id": "mine", "a": "b"}),
        (["a", "dag_id"], {"dag_id": "", "task_id": "t", "a": ""}),
        ("{{ labels }}", "{{ labels }}"),
    ],
)
@pytest.mark.parametrize("kind", [DockerOperator, DecoratedOperator])
def test_containers_get_labels_beside_those_of_the_author(
    plugin: Any, kind: type[DockerOperator], given: Any, labels: Any
) -> None:
    task = kind(given)
    before = json.dumps(given)
    plugin.task_policy(task)
    assert task.labels == labels
    assert json.dumps(given) == before  # it may be shared by tasks

    mapped = SimpleNamespace(
        dag_id="d", task_id="t", operator_class=kind, partial_kwargs={"labels": given}
    )
    plugin.task_policy(mapped)
    assert mapped.partial_kwargs == {"labels": labels}


def test_other_operators_are_left_alone(plugin: Any) -> None:
    other = SimpleNamespace(dag_id="d", task_id="t", labels=None)
    mapped = SimpleNamespace(operator_class=SimpleNamespace, partial_kwargs={})
    for task in (other, mapped):
        plugin.task_policy(task)
    assert other.labels is None
    assert mapped.partial_kwargs == {}
