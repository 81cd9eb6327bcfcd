"""The shape of runs of random DAGs, against brute force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight.performance.runs import Span, ordered, shape

Dag = dict[str, list[str]]
NOWHERE: Dag = {}


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    count = draw(st.integers(1, 7))
    return {
        f"t{task}": [f"t{above}" for above in range(task) if draw(st.booleans())]
        for task in range(count)
    }


@st.composite
def runs(draw: st.DrawFn) -> tuple[Dag, dict[str, Span]]:
    """Draw a DAG and a run of it in which tasks wait for their upstreams, and longer."""
    dag = draw(dags())
    spans: dict[str, Span] = {}
    ends: dict[str, float] = {}
    for task, above in dag.items():
        ends[task] = max((ends[each] for each in above), default=0.0)
        if draw(st.integers(0, 9)):
            start = ends[task] + draw(st.integers(0, 5))
            spans[task] = Span(start, start + draw(st.integers(0, 20)))
            ends[task] = spans[task].end
    return dag, spans


def paths(dag: Dag) -> Iterator[tuple[str, ...]]:
    """Yield every chain of the DAG."""
    chains = [(task,) for task in dag]
    while chains:
        chain = chains.pop()
        yield chain
        chains += [(above, *chain) for above in dag[chain[0]]]


def upstream_of_all(dag: Dag, task: str) -> set[str]:
    return {each for chain in paths(dag) if chain[-1] == task for each in chain} - {task}


def seconds(spans: Mapping[str, Span], chain: tuple[str, ...]) -> float:
    return sum(spans[each].end - spans[each].start for each in chain if each in spans)


@given(runs())
def test_the_critical_path_is_the_longest_of_all_chains(
    run: tuple[Dag, dict[str, Span]],
) -> None:
    dag, spans = run
    found = shape(spans, dag)
    if spans:
        assert found.critical_seconds == max(seconds(spans, chain) for chain in paths(dag))
        assert seconds(spans, found.critical) == found.critical_seconds
        assert all(one in upstream_of_all(dag, other) for one, other in pairwise(found.critical))
        assert found.critical_seconds <= found.wall
        assert found.potential_saving == found.wall - found.critical_seconds
    else:
        assert found.critical == ()


@given(runs())
def test_what_runs_at_a_time_is_what_a_look_at_each_second_sees(
    run: tuple[Dag, dict[str, Span]],
) -> None:
    dag, spans = run
    found = shape(spans, dag)
    seen = [
        {task for task, span in spans.items() if span.start <= second < span.end}
        for second in range(200)
    ]
    assert found.busy == sum(bool(each) for each in seen)
    assert found.work == sum(len(each) for each in seen)
    assert found.peak == max(len(each) for each in seen)
    alone = {
        task: sum(each == {task} for each in seen)
        for task in spans
        if any(each == {task} for each in seen)
    }
    beside = {}
    for task, own in alone.items():
        related = upstream_of_all(dag, task) | {task}
        independent = [
            each for each in alone if each not in related and task not in upstream_of_all(dag, each)
        ]
        if others := sum(alone[each] for each in independent):
            beside[task] = min(own, others)
    assert found.serialized == beside


def test_two_independent_tasks_one_after_the_other_could_have_run_together() -> None:
    spans = {"extract": Span(0, 10), "a": Span(10, 40), "b": Span(40, 60), "load": Span(60, 65)}
    dag = {"extract": [], "a": ["extract"], "b": ["extract"], "load": ["a", "b"]}
    found = shape(spans, dag)
    assert found.critical == ("extract", "a", "load")
    assert (found.wall, found.critical_seconds, found.potential_saving) == (65, 45, 20)
    assert found.serialized == {"a": 20, "b": 20}
    assert found.parallelism == 1.0


def test_tasks_that_took_no_row_are_passed_through() -> None:
    dag = {"a": [], "empty": ["a"], "b": ["empty"]}
    found = shape({"a": Span(0, 10), "b": Span(10, 30)}, dag)
    assert (found.critical, found.critical_seconds) == (("a", "b"), 30)


def test_without_the_dag_no_critical_path_is_told() -> None:
    found = shape({"a": Span(0, 10), "b": Span(5, 30)}, None)
    assert (found.critical, found.potential_saving) == ((), 0.0)
    assert (found.wall, found.work, found.peak) == (30, 35, 2)


def test_edges_that_make_no_dag_are_survived() -> None:
    dag = {"a": ["b"], "b": ["a"], "c": ["gone", "c"], "d": []}
    assert ordered(dag) == ["d"]
    assert shape({"a": Span(0, 1), "d": Span(1, 3)}, dag).critical == ("d",)


def test_a_run_without_tries_has_no_shape() -> None:
    assert shape({}, NOWHERE).wall == 0.0


@pytest.mark.parametrize("length", [2_500])
def test_a_very_long_chain_is_followed(length: int) -> None:
    dag = {f"{task:05d}": [f"{task - 1:05d}"] if task else [] for task in range(length)}
    spans = {task: Span(at, at + 1) for at, task in enumerate(dag)}
    found = shape(spans, dag)
    assert (len(found.critical), found.critical_seconds, found.serialized) == (length, length, {})
