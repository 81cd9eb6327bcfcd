"""When DAGs last finished, looked up by pages: what a failure costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone

import pytest
import sqlalchemy as sa

from exporter.collectors.airflow.last_finishes import DAGS_A_PAGE, Finishes, LastFinishes
from exporter.collectors.airflow.memory import Remembered
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.schema import Schema, probed
from exporter.demo import schema
from exporter.errors import SourceTimeoutError, SourceUnavailableError
from tests.integration.collectors.airflow.world import World

DAGS = [f"dag_{number:02}" for number in range(2 * DAGS_A_PAGE)]
ENDED = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Source:
    """A metadata database: some looks fail, and in some DAGs there is too much to look through."""

    def __init__(self, engine: sa.Engine) -> None:
        self.fails: list[SourceUnavailableError] = []
        self.slow: set[str] = set()
        self.asked: list[set[str]] = []
        self._engine = engine
        self._finishes = LastFinishes()
        self._memory = Remembered()

    def finish(self, dag: str, at: float) -> None:
        """Let a run be counted that has failed."""
        self._memory = replace(self._memory, last_finish={**self._memory.last_finish, dag: at})

    def look(self) -> dict[str, float]:
        """Let one sample look; return what is known then."""
        self._memory = self._finishes.completed(
            self._memory, frozenset(DAGS), Options(), self._transact
        )
        return dict(self._memory.last_success)

    def _transact(self, read: Callable[[sa.Connection, Schema], Finishes]) -> Finishes:
        with self._engine.begin() as connection:
            found = read(connection, probed(connection, None))
        self.asked.append(set(found))
        if self.fails:
            raise self.fails.pop()
        if self.slow & found.keys():
            message = "the database did not answer within 5 s"
            raise SourceTimeoutError(message)
        return found


@pytest.fixture
def source() -> Iterator[Source]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    world = World(engine, schema.create(engine, "3.3"), "3.3")
    world.add("dag_bundle", name="dags-folder", active=True)
    for dag in DAGS:
        world.dag(dag)
        world.run(dag, "one", "success", end_date=ENDED)
    yield Source(engine)
    engine.dispose()


def test_a_failure_is_made_good_dag_by_dag(source: Source) -> None:
    source.fails = [SourceUnavailableError("the connection was reset")]
    looks = 1 + 1 + DAGS_A_PAGE  # the one that failed, the other page, and each by itself
    known = [source.look() for _ in range(looks)]
    assert [len(each) for each in known] == [0, DAGS_A_PAGE, *range(DAGS_A_PAGE + 1, 21)]
    assert known[-1] == dict.fromkeys(DAGS, ENDED.timestamp())


def test_what_fails_by_itself_is_looked_up_again_unless_it_took_too_long(source: Source) -> None:
    source.slow = {DAGS[3]}
    for _ in range(2):
        source.look()
    source.fails = [SourceUnavailableError("the connection was reset")]
    for _ in range(1 + DAGS_A_PAGE):
        known = source.look()
    assert set(DAGS) - known.keys() == {DAGS[3]}
    looks = len(source.asked)
    source.look()
    assert len(source.asked) == looks


def test_a_run_that_fails_before_its_dag_is_looked_up_hides_no_earlier_success(
    source: Source,
) -> None:
    source.finish(DAGS[-1], ENDED.timestamp() + 60)
    for _ in range(2):
        known = source.look()
    assert known == dict.fromkeys(DAGS, ENDED.timestamp())
    looks = len(source.asked)
    source.look()
    assert len(source.asked) == looks
