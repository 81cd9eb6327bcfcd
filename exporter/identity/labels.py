"""The task that container labels, pod annotations or pod labels name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.identity.pod import id_text
from exporter.identity.safe_names import SafeNames, may_be_shortened
from exporter.model import Task

_UNMAPPED = -1
_NUMBER = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class LabelKeys:
    """The keys that may hold the ids; the first one with a usable value counts."""

    dag_id: tuple[str, ...] = ("dag_id",)
    task_id: tuple[str, ...] = ("task_id",)


AIRFLOW_KEYS = LabelKeys()


def task_of_container(labels: Mapping[str, object], keys: LabelKeys = AIRFLOW_KEYS) -> Task | None:
    """Return the task that a container's labels, or a pod's annotations, name as they are."""
    ids = _ids(labels, keys)
    return None if ids is None else _task(ids, id_text(labels.get("run_id")), labels)


def task_of_pod(
    annotations: Mapping[str, object],
    labels: Mapping[str, object],
    names: SafeNames,
    keys: LabelKeys = AIRFLOW_KEYS,
) -> Task | None:
    """Return the task that a pod names: by its annotations, else by its labels.

    The KubernetesExecutor writes both, the KubernetesPodOperator labels only. Label values may
    be shortened; a run id that is cannot be told.
    """
    if (exact := task_of_container(annotations, keys)) is not None:
        return exact
    written = _ids(labels, keys)
    ids = None if written is None else names.resolved(*written)
    if ids is None:
        return None
    run_id = id_text(labels.get("run_id"))
    return _task(ids, None if run_id and may_be_shortened(run_id) else run_id, labels)


def names_a_task(
    annotations: Mapping[str, object],
    labels: Mapping[str, object],
    keys: LabelKeys = AIRFLOW_KEYS,
) -> bool:
    """Tell whether a pod names a task at all, be it in a way that is not understood yet."""
    return any(_ids(each, keys) is not None for each in (annotations, labels))


def _ids(values: Mapping[str, object], keys: LabelKeys) -> tuple[str, str] | None:
    dag_id, task_id = _first(values, keys.dag_id), _first(values, keys.task_id)
    return (dag_id, task_id) if dag_id and task_id else None


def _first(values: Mapping[str, object], keys: tuple[str, ...]) -> str | None:
    return next(filter(None, (id_text(values.get(key)) for key in keys)), None)


def _task(ids: tuple[str, str], run_id: str | None, values: Mapping[str, object]) -> Task:
    try_number, map_index = _number(values, "try_number"), _number(values, "map_index")
    # Airflow writes a map index for mapped tasks only: without one, a try is of an unmapped task.
    if try_number is not None and "map_index" not in values:
        map_index = _UNMAPPED
    return Task(*ids, run_id, map_index, try_number)


def _number(values: Mapping[str, object], key: str) -> int | None:
    text = values.get(key)
    return int(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None
