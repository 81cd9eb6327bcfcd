"""Under which pipeline and stage data counts: what was said, the user's rules, tags, names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.rows.claim import Claim
from exporter.rows.names import is_name

UNKNOWN = "unknown"
"""The stage that nothing names."""
_TOKENS = {
    "bronze": "bronze", "br": "bronze",
    "silver": "silver", "sl": "silver", "sv": "silver",
    "gold": "gold", "gd": "gold",
}  # fmt: skip
_STAGES = frozenset(_TOKENS.values())
_PIPELINE_TAG = "pipeline:"
_BETWEEN_TOKENS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """What the user says of the tasks whose whole ids match; None matches every id."""

    dag: re.Pattern[str] | None = None
    task: re.Pattern[str] | None = None
    pipeline: str | None = None
    stage: str | None = None

    def matches(self, dag_id: str, task_id: str) -> bool:
        """Tell whether the rule is about this task."""
        return (self.dag is None or self.dag.fullmatch(dag_id) is not None) and (
            self.task is None or self.task.fullmatch(task_id) is not None
        )


class Place(NamedTuple):
    """The pipeline and the stage that data of a task counts under."""

    pipeline: str
    stage: str


@dataclass(frozen=True, slots=True)
class Placing:
    """All that places data: the user's rules, and the tags of the DAGs."""

    rules: tuple[Rule, ...] = ()
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, dag_id: str, task_id: str, claim: Claim | None = None) -> Place:
        """Return where data of a task counts, as a claim on it says, or as everything else says."""
        return place(
            dag_id,
            task_id,
            self.tags.get(dag_id, ()),
            self.rules,
            pipeline=claim.pipeline if claim else None,
            stage=claim.stage if claim else None,
        )


def place(
    dag_id: str,
    task_id: str,
    tags: Iterable[str] = (),
    rules: Iterable[Rule] = (),
    *,
    pipeline: str | None = None,
    stage: str | None = None,
) -> Place:
    """Return where data of a task counts; `pipeline` and `stage` are what its source said.

    What was said goes before the first rule that matches, this before the DAG's tags, and these
    before its name for the pipeline and the words of the task's name for the stage.
    """
    matching = [rule for rule in rules if rule.matches(dag_id, task_id)]
    tags = sorted(tags)
    pipelines = (
        pipeline,
        *(rule.pipeline for rule in matching),
        *(name for tag in tags if is_name(name := _pipeline_tagged(tag))),
    )
    stages = (
        stage,
        *(rule.stage for rule in matching),
        *(tag.lower() for tag in tags if tag.lower() in _STAGES),
        stage_named(task_id),
    )
    return Place(next(filter(None, pipelines), dag_id), next(filter(None, stages), UNKNOWN))


def _pipeline_tagged(tag: str) -> str:
    return tag[len(_PIPELINE_TAG) :].strip() if tag.startswith(_PIPELINE_TAG) else ""


def stage_named(name: str) -> str | None:
    """Return the stage that a word of a name (task, dataset, schema) stands for: the last one."""
    words = _BETWEEN_TOKENS.split(name.lower())
    return next((_TOKENS[word] for word in reversed(words) if word in _TOKENS), None)


def is_expected(dag_id: str, task_id: str, rules: Iterable[Rule]) -> bool:
    """Tell whether a rule names this task: then it should tell how much data it writes."""
    return any(rule.task is not None and rule.matches(dag_id, task_id) for rule in rules)
