"""The truth table against a scrape: counts by state, histogram and wasted seconds."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.exactness.chance import BOUNDS
from tests.exactness.truth import Group, Try
from tests.exactness.writers import Life

Scrape = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
TOLERANCE = 1e-6
_HISTORIES = 6
STATES = ("success", "failed", "skipped", "up_for_retry")


@dataclass
class Tally:
    """What is true, or counted, of one group; seconds by try in the truth."""

    states: Counter[str] = field(default_factory=Counter)
    either: int = 0
    """Failures that were in the history before a sample is known to have seen them final."""
    seconds: list[float] = field(default_factory=list)

    def add(self, one: Try, *, unclear: bool) -> None:
        """Book one try."""
        self.states[one.outcome or ""] += 1
        self.either += unclear
        self.seconds.append(one.seconds)

    @property
    def buckets(self) -> list[int]:
        """Cumulative counts, +Inf last."""
        counts = [0] * (len(BOUNDS) + 1)
        for each in self.seconds:
            counts[bisect_left(BOUNDS, each)] += 1
        return [sum(counts[: n + 1]) for n in range(len(counts))]


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a comparison, and its differences in words."""

    tries: int
    missed: int
    extra: int
    differences: list[str]


def compared(
    lives: Iterable[Life], scrape: Scrape, sampled_between: Callable[[float, float], bool]
) -> Result:
    """Compare; `sampled_between` tells whether a whole sample lies between two moments."""
    lives = list(lives)
    truth, wasted = _truth(lives, sampled_between)
    counted, labels = _counted(scrape)
    differences: list[str] = []
    wrong: list[Group] = []
    missed = extra = 0
    for group in sorted(truth.keys() | counted.keys()):
        tally, states = truth.get(group, Tally()), counted.get(group, {})
        balance = sum(states.values()) - len(tally.seconds)
        missed, extra = missed + max(0, -round(balance)), extra + max(0, round(balance))
        found = [
            *_states(tally, states),
            *_histogram(tally, scrape, labels.get(group, _labels(group))),
        ]
        if found:
            wrong.append(group)
            differences += [f"{'/'.join(group)}: {each}" for each in found]
    differences += _wasted(wasted, scrape)
    for group in wrong[:_HISTORIES]:
        differences += _histories(group, lives)
    return Result(sum(len(t.seconds) for t in truth.values()), missed, extra, differences)


def _truth(
    lives: list[Life], sampled_between: Callable[[float, float], bool]
) -> tuple[dict[Group, Tally], dict[tuple[str, str], float]]:
    truth: dict[Group, Tally] = defaultdict(Tally)
    wasted: dict[tuple[str, str], float] = defaultdict(float)
    for life in lives:
        for one in life.instance.tries:
            if not one.expected:
                continue
            archived = one.outcome == "failed" and one.archived_at is not None
            unclear = archived and not sampled_between(one.ended_at, one.archived_at or 0.0)
            truth[life.instance.group].add(one, unclear=unclear)
            if one.outcome in {"failed", "up_for_retry"}:
                wasted[life.instance.group[:2]] += one.seconds
    return truth, wasted


def _counted(
    scrape: Scrape,
) -> tuple[dict[Group, dict[str, float]], dict[Group, frozenset[tuple[str, str]]]]:
    counted: dict[Group, dict[str, float]] = defaultdict(dict)
    labels = {}
    for (name, pairs), value in scrape.items():
        if name != "airflow_task_finished_total":
            continue
        given = dict(pairs)
        group = (given["dag_id"], given["task_id"], given["operator_type"])
        counted[group][given["state"]] = value
        labels[group] = frozenset(pair for pair in pairs if pair[0] != "state")
    return counted, labels


def _labels(group: Group) -> frozenset[tuple[str, str]]:
    return frozenset(zip(("dag_id", "task_id", "operator_type"), group, strict=True))


def _states(tally: Tally, states: Mapping[str, float]) -> Iterable[str]:
    shift = states.get("up_for_retry", 0) - tally.states["up_for_retry"]
    allowed = 0 <= shift <= tally.either
    for state in STATES:
        true = tally.states[state]
        if allowed and shift:
            true += round(shift) * ((state == "up_for_retry") - (state == "failed"))
        if states.get(state, 0) != true:
            yield f"{state}: {states.get(state, 0):g} counted, {true} true"


def _histogram(tally: Tally, scrape: Scrape, labels: frozenset[tuple[str, str]]) -> Iterable[str]:
    name = "airflow_task_duration_seconds"
    count = scrape.get((f"{name}_count", labels), 0)
    if count != len(tally.seconds):
        yield f"histogram's count: {count:g}, {len(tally.seconds)} true"
    total, true = scrape.get((f"{name}_sum", labels), 0.0), sum(tally.seconds)
    if abs(total - true) > TOLERANCE * max(1.0, true):
        yield f"histogram's sum: {total}, {true} true"
    buckets = {
        float(dict(pairs)["le"]): value
        for (each, pairs), value in scrape.items()
        if each == f"{name}_bucket" and labels <= pairs
    }
    found = [buckets[bound] for bound in sorted(buckets)]
    if found and found != tally.buckets:
        yield f"histogram's buckets: {found}, {tally.buckets} true"


def _wasted(truth: Mapping[tuple[str, str], float], scrape: Scrape) -> Iterable[str]:
    found = {}
    for (name, pairs), value in scrape.items():
        if name == "airflow_task_wasted_seconds_total":
            given = dict(pairs)
            found[given["dag_id"], given["task_id"]] = value
    for task in sorted(truth.keys() | found.keys()):
        true, counted = truth.get(task, 0.0), found.get(task, 0.0)
        if abs(true - counted) > TOLERANCE * max(1.0, true):
            yield f"{'/'.join(task)}: {counted} wasted seconds counted, {true} true"


def _histories(group: Group, lives: list[Life]) -> Iterable[str]:
    yield f"histories of {'/'.join(group)}:"
    for life in lives:
        if life.instance.group == group and any(one.expected for one in life.instance.tries):
            yield f"  {life.instance.key.run_id} [{life.instance.key.map_index}]"
            yield from (f"    {line}" for line in life.instance.log)
            for one in life.instance.tries:
                when = "before the first look" if one.before_first_look else "ours to count"
                yield f"    = {one.start:%H:%M:%S.%f} {one.outcome} {one.seconds} s, {when}"
