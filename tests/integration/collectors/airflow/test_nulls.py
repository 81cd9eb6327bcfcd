"""Columns that Airflow lets be NULL: what they tell is unknown then, and all else goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from exporter import catalogue
from exporter.collectors.airflow.schema import READ
from exporter.demo import schema
from exporter.insight.autoscale import Policy
from tests.integration.collectors.airflow.subject import Subject
from tests.integration.collectors.airflow.world import World

VERSIONS = ("2.11", "3.1")
"""In the others no further column may be NULL."""
LATER = 900
TELLS_OF_AN_END = {"state", "start_date", "pid", "job_id", "last_heartbeat_at"}
"""Without one of these nobody can tell that a try ran and has ended."""
CHOOSES_ROWS = {*TELLS_OF_AN_END, "is_active", "is_stale", "job_type", "latest_heartbeat", "pool"}
"""Where one of these is NULL, the row's other columns may not be looked at."""


def nullable(world: World) -> Iterator[tuple[str, set[str]]]:
    """Yield by table what is read of it and may be NULL, as far as it can be told at once."""
    for name in filter(world.has, READ):
        may_be = {each.name for each in world.table(name).c if each.nullable} & READ[name].keys()
        yield from ((name, {each}) for each in sorted(may_be & CHOOSES_ROWS))
        if others := may_be - CHOOSES_ROWS:
            yield name, others


@pytest.mark.parametrize("version", VERSIONS)
def test_a_column_that_is_null_stops_no_sample(
    version: str, tmp_path: Path, subject: Callable[..., Subject]
) -> None:
    full = tmp_path / "full.db"
    engine = sa.create_engine(f"sqlite:///{full}", poolclass=sa.NullPool)
    world = World(engine, schema.create(engine, version), version)
    world.fill()
    for number, (table, columns) in enumerate(nullable(world)):
        file = tmp_path / f"{number}.db"
        shutil.copy(full, file)
        world.engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
        world.change(table, {}, **dict.fromkeys(columns))
        exporter = subject(f"sqlite:///{file}", policy=Policy())
        exporter.sample()
        world.beat("runs", world.at(LATER), state="success", end_date=world.at(LATER))
        counted = {each.family for each in exporter.sample(seconds=60).increments}
        of_a_try = table == "task_instance" and columns <= TELLS_OF_AN_END
        assert of_a_try or catalogue.TASK_FINISHED in counted, (table, columns)
