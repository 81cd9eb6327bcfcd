"""Tests of what is taken from the text of a scrape."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.baseline.live import scraped
from exporter.insight.baselines.file import baselines
from exporter.insight.baselines.present import Present, Scraped, read_names

NAMES = read_names("container")
SHIPPED = baselines(None)


def test_only_the_series_of_the_names_are_parsed():
    text = (
        "# HELP task_running_instances x\n# TYPE task_running_instances gauge\n"
        'task_running_instances{dag_id="a\\"b",task_id="t"} 2\n'
        'task_running_instances_more{dag_id="d"} 1\n'
        "something {that is no line at all\n"
    )
    labels = {"dag_id": 'a"b', "task_id": "t"}
    assert scraped(text, NAMES) == [Scraped("task_running_instances", labels, 2.0)]


def test_a_series_without_a_value_hides_no_other():
    text = 'task_running_instances{dag_id="a"} NaN\ntask_running_instances{dag_id="b"} 2\n'
    assert [each.value for each in scraped(text, NAMES)] == [2.0]


@pytest.mark.parametrize("rest", [" what", '{a="b" 1', "{a=b} 1", '{a="b"}', "{", "}"])
def test_a_line_that_is_no_series_is_an_error(rest):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        scraped(f"task_running_instances{rest}\n", NAMES)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(NAMES)), st.text(max_size=80) | st.text('{}=",\\ 1')),
        max_size=5,
    )
)
@example([("data_task_info", '{stage="silver"} 1'), ("task_memory_usage_bytes", "{} 1")])
@example([("container_memory_working_set_bytes", '{container="worker"} NaN')])
def test_any_scrape_is_read_or_refused(lines):
    text = "".join(f"{name}{rest}\n" for name, rest in lines)
    with contextlib.suppress(ValueError):
        Present(scraped(text, NAMES), "container").actuals(SHIPPED)
