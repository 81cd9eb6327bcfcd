"""What was there before the exporter first started: ended runs, and tries under way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

from tests.exactness import tables
from tests.exactness.chance import NOTHING, weights
from tests.exactness.events import ENDED
from tests.exactness.writers import Life, World, Writer

_UNDER_WAY = (
    "running", "deferred", "up_for_reschedule", "up_for_retry", "queued", "scheduled", "restarting",
)  # fmt: skip
_MANY_EVENTS = 60


def lived(world: World, numbers: Iterator[int]) -> list[Life]:
    """Write the past and return its lives; nothing of it that ended is to be counted."""
    rng = Random(f"{world.settings.seed}/past")
    writer = Writer(world, -1)
    writer.session = tables.Session(world.dsn, rng, 0.0)
    lives = [_one(world, writer, rng, next(numbers)) for _ in range(world.settings.past)]
    writer.session.close()
    world.figures.clear()
    for life in lives:
        for position, one in enumerate(life.instance.tries):
            ended = one.outcome is not None
            life.instance.tries[position] = replace(one, before_first_look=ended)
    return lives


def _one(world: World, writer: Writer, rng: Random, number: int) -> Life:
    life = world.born(number)
    airflow = world.settings.schema
    writer.session.commit(lambda cursor: tables.insert_run(cursor, airflow, life.instance, number))
    wanted = ENDED if rng.random() < 0.75 else frozenset({rng.choice(_UNDER_WAY)})
    ago = _ago(world, rng)
    for _ in range(_MANY_EVENTS):
        if life.instance.live.state in wanted or life.instance.operator == NOTHING:
            break
        following = weights(life.instance)
        event = life.rng.choices([*following], [*following.values()])[0]
        writer.happen(life, event, ago)
    return life


def _ago(world: World, rng: Random) -> timedelta:
    """Hours, or so shortly before the first look that the overlap reaches back to it."""
    if rng.random() < 0.5:
        return timedelta(hours=rng.uniform(1, 48))
    return timedelta(seconds=rng.uniform(0.3, 2 * world.settings.overlap))
