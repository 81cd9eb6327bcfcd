"""Looking back finds what counting counts: the lives that exactness is tried with, as rows now."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random
from uuid import UUID

import psycopg
import pytest

from exporter.collectors.airflow.tries import Memory, finished
from exporter.model import TaskKey
from tests.exactness import tables
from tests.exactness.chance import apply, clocks, drawn, weights
from tests.exactness.events import Instance
from tests.integration.history.past import Past

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
LIVES, EVENTS = 150, 40

Found = dict[tuple[TaskKey, float], str]
"""Outcome by task instance and start."""


def lived(number: int, airflow: str, rng: Random) -> Instance:
    instance = Instance(TaskKey("d", "t", f"run{number}", -1), "BashOperator", airflow)
    instance.live.id = UUID(int=rng.getrandbits(128))
    now = BEGIN
    for _ in range(rng.randrange(EVENTS)):
        now += timedelta(seconds=rng.uniform(3, 100))
        following = weights(instance)
        event = rng.choices([*following], [*following.values()])[0]
        skew = timedelta(seconds=rng.uniform(-2, 2))
        apply(instance, event, clocks(now, skew), drawn(rng))
        instance.live.id = instance.live.id or UUID(int=rng.getrandbits(128))
    return instance


def written(dsn: str, lives: list[Instance]) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        for number, each in enumerate(lives):
            fresh = Instance(each.key, each.operator, each.airflow)
            fresh.live.id = UUID(int=number)
            tables.insert_run(cursor, each.airflow, fresh, number)
            tables.write(cursor, fresh, each)


def true(lives: list[Instance]) -> Found:
    """Return what the lives themselves have booked."""
    found = {}
    for life in lives:
        archived = {row.start for row in life.history}
        for each in life.tries:
            if each.outcome is not None:
                retried = each.outcome == "failed" and each.start in archived
                name = life.key, each.start.timestamp()
                found[name] = "up_for_retry" if retried else each.outcome
    return found


def counted(lives: list[Instance]) -> Found:
    """Return what the daemon counts of the same rows when it has never looked before."""
    never = Memory(BEGIN - timedelta(days=1), BEGIN - timedelta(days=1))
    rows = [row for life in lives for row in life.try_rows]
    found = finished(never, rows, timedelta())
    return {(key.key, key.start.timestamp()): each.outcome for key, each in found.items()}


@pytest.mark.parametrize("version", ["3.3", "2.11"])
def test_what_is_found_is_what_happened_and_what_is_counted(database: str, version: str) -> None:
    rng = Random(f"looking back {version}")
    lives = [lived(number, version, rng) for number in range(LIVES)]
    there = Past(database, version)
    written(database, lives)
    history = there.history()
    pages = history.pages_of_runs(BEGIN, lambda _: None)
    tries = [each for page in pages for each in history.finished_tries(page)]
    there.close()
    found = {(TaskKey(*each[:4]), each.start): each.outcome for each in tries}
    assert len(found) == len(tries) > LIVES
    assert found == true(lives) == counted(lives)
