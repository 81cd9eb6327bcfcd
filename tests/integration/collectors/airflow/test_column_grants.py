"""What may be read decides what is told: each table that is missing costs its own feature."""

from __future__ import annotations

import pytest

from exporter import catalogue
from exporter.errors import SourceUnavailableError
from tests.integration.collectors.airflow.known import (
    ALL_FEATURES,
    counted,
    expected,
    features,
    gauges,
    let_all_end,
)
from tests.integration.collectors.airflow.reader import Reader
from tests.integration.collectors.airflow.subject import Make
from tests.integration.collectors.airflow.world import World


def test_column_grants_are_all_that_is_needed(newest: World, reader: Reader, subject: Make) -> None:
    reader.grant()
    collector = subject(reader.dsn)
    batch = collector.sample()
    found = dict(gauges(batch))
    found.pop(catalogue.COLLECTOR_FEATURE.name)
    assert found == {family.name: values for family, values in expected(newest).items()}
    let_all_end(newest)
    assert len(collector.sample().increments) == len(counted(newest))


_LOST = {
    "dag": (
        {"dags"},
        {
            catalogue.DAG_INFO, catalogue.DAG_PAUSED, catalogue.DAG_NEXT_RUN, catalogue.DAGS,
            catalogue.DAG_SCHEDULE_INTERVAL, catalogue.DAG_LAST_PARSED,
            catalogue.DAG_MAX_ACTIVE_RUNS, catalogue.DAG_PARSE_DURATION,
            catalogue.DAG_LAST_SUCCESS, catalogue.DAG_LAST_FINISH,
        },
    ),
    "dag_tag": ({"dag_tags"}, set()),
    "slot_pool": ({"pools"}, {catalogue.POOL_SIZE, catalogue.POOL_SLOTS}),
    "job": (
        {"components"},
        {
            catalogue.COMPONENT_HEARTBEAT, catalogue.COMPONENT_INSTANCES,
            catalogue.METADATA_CLOCK_SKEW,
        },
    ),
    "import_error": ({"import_errors"}, {catalogue.DAG_IMPORT_ERRORS}),
    "trigger": ({"triggers"}, {catalogue.TRIGGERS, catalogue.TRIGGERS_UNASSIGNED}),
    "deadline": ({"deadlines"}, {catalogue.DEADLINES_MISSED}),
    "alembic_version": ({"revision"}, set()),
}  # fmt: skip
"""What goes with each table that need not be granted: features, and families."""


@pytest.mark.parametrize("table", _LOST)
def test_a_table_that_is_not_granted_costs_its_own_feature_alone(
    newest: World, reader: Reader, table: str, subject: Make
) -> None:
    lost_features, lost_families = _LOST[table]
    reader.grant()
    reader.revoke(table)
    collector = subject(reader.dsn)
    batch = collector.sample()
    assert features(batch) == ALL_FEATURES - lost_features
    wanted = {family.name for family in expected(newest)} - {each.name for each in lost_families}
    assert gauges(batch).keys() - {catalogue.COLLECTOR_FEATURE.name} == wanted
    let_all_end(newest)
    assert len(collector.sample().increments) == len(counted(newest))


@pytest.mark.parametrize("table", ["dag", "slot_pool", "job", "trigger"])
def test_a_grant_that_goes_and_comes_back_is_noticed_while_running(
    newest: World, reader: Reader, table: str, subject: Make
) -> None:
    lost_features, _ = _LOST[table]
    reader.grant()
    collector = subject(reader.dsn)
    assert features(collector.sample()) == ALL_FEATURES
    reader.revoke(table)
    assert features(collector.sample(seconds=61)) == ALL_FEATURES - lost_features
    reader.grant()
    assert features(collector.sample(seconds=61)) == ALL_FEATURES


@pytest.mark.parametrize("table", ["task_instance", "task_instance_history", "dag_run"])
def test_a_table_that_must_be_granted_is_named_when_it_is_not(
    newest: World, reader: Reader, table: str, subject: Make
) -> None:
    reader.grant()
    reader.revoke(table)
    collector = subject(reader.dsn)
    for _ in range(2):
        with pytest.raises(SourceUnavailableError, match=rf"does not grant: {table}(;|$)"):
            collector.sample()
    reader.grant()
    assert features(collector.sample()) == ALL_FEATURES


def test_a_column_that_must_be_granted_is_named_when_it_is_not(
    newest: World, reader: Reader, subject: Make
) -> None:
    reader.grant(leave_out={"task_instance": "pid"})
    collector = subject(reader.dsn)
    with pytest.raises(SourceUnavailableError, match=r"does not grant: task_instance\.pid$"):
        collector.sample()
