"""Tables and files that others take the place of while they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import catalogue
from exporter.errors import SourceUnavailableError
from tests.integration.collectors.airflow.known import LATER, gauges
from tests.integration.collectors.airflow.subject import Make
from tests.integration.collectors.airflow.world import World, made


def test_a_table_that_was_made_anew_is_read_again(
    newest: World, database: str, subject: Make
) -> None:
    collector = subject(database)
    before = gauges(collector.sample())
    newest.execute("ALTER TABLE slot_pool RENAME TO away")
    assert catalogue.POOL_SLOTS.name not in gauges(collector.sample(seconds=61))
    newest.execute("CREATE TABLE slot_pool AS SELECT pool, slots, include_deferred FROM away")
    after = gauges(collector.sample(seconds=61))
    for family in (catalogue.POOL_SLOTS.name, catalogue.POOL_SIZE.name):
        assert after[family] == before[family]


def test_a_required_table_that_was_made_anew_is_read_again(
    newest: World, database: str, subject: Make
) -> None:
    collector = subject(database)
    collector.sample()
    newest.execute("ALTER TABLE task_instance_history RENAME TO away")
    # Nothing ended, so nothing was looked for in it.
    collector.sample()
    end = newest.at(LATER)
    newest.beat("runs", end, state="success", end_date=end, duration=301.0)
    with pytest.raises(SourceUnavailableError, match="task_instance_history"):
        collector.sample()
    newest.execute("ALTER TABLE away RENAME TO task_instance_history")
    assert len(collector.sample().increments) > 0


def test_an_sqlite_file_that_another_replaces_is_read_no_more(
    tmp_path: Path, subject: Make
) -> None:
    path, newer = tmp_path / "airflow.db", tmp_path / "newer.db"
    made(f"sqlite:///{path}", "3.3").fill()
    collector = subject(f"sqlite:///{path}")
    assert gauges(collector.sample())[catalogue.TASK_INSTANCE_STATE.name]["running",] == 2
    made(f"sqlite:///{newer}", "2.11")
    newer.rename(path)
    after = gauges(collector.sample(seconds=61))
    assert after[catalogue.TASK_INSTANCE_STATE.name]["running",] == 0
    assert {version for _, version, _ in after[catalogue.METADATA_INFO.name]} == {"2.11"}


def test_an_sqlite_file_that_is_moved_away_is_gone_until_it_is_back(
    tmp_path: Path, subject: Make
) -> None:
    path, away = tmp_path / "airflow.db", tmp_path / "away.db"
    made(f"sqlite:///{path}", "3.3").fill()
    collector = subject(f"sqlite:///{path}")
    collector.sample()
    path.rename(away)
    for _ in range(2):
        with pytest.raises(SourceUnavailableError, match=r"airflow\.db does not exist"):
            collector.sample()
    away.rename(path)
    assert gauges(collector.sample())[catalogue.TASK_INSTANCE_STATE.name]["running",] == 2
