"""The writers: threads that live the lives of task instances, each on a connection of its own."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import count
from random import Random
from uuid import UUID

from exporter.model import TaskKey
from tests.exactness import tables
from tests.exactness.chance import NOTHING, apply, clocks, drawn, weights
from tests.exactness.events import ENDED, Instance
from tests.exactness.settings import Settings

DAGS, TASKS = 12, 8
# Between the events of one task instance, in seconds; a try that waits longer than the overlap
# is in there, and a queue as well.
_PAUSES: dict[str | None, tuple[float, float]] = {
    "running": (0.02, 0.7),
    "deferred": (0.1, 1.0),
    "up_for_reschedule": (0.1, 0.8),
}
_SHORT_PAUSE = (0.01, 0.25)
_MANY_CLEARS = 3


@dataclass
class Life:
    """One task instance, its dice, and what became of it."""

    instance: Instance
    number: int
    rng: Random
    clears: int = 0
    purged: bool = False
    lasted_until: float = 0.0
    """Monotonic seconds of its last event."""


@dataclass
class World:
    """What the writers share: the truth so far, and how much of it there is to be."""

    settings: Settings
    dsn: str
    seen_since: Callable[[float], bool]
    """Tells whether a whole sample of the exporter has passed since a monotonic moment."""
    lives: list[Life] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    failures: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    deadline: float = 0.0

    def born(self, number: int) -> Life:
        """Make the task instance of this number: the same one for the same seed."""
        rng = Random(f"{self.settings.seed}/{number}")
        operator = NOTHING if rng.random() < 0.04 else rng.choice(("BashOperator", "PythonSensor"))
        dag, task = rng.randrange(DAGS), rng.randrange(TASKS)
        key = TaskKey(f"dag{dag:02}", f"task{task}", f"run{number}", rng.choice((-1, -1, 0, 5)))
        instance = Instance(key, operator, self.settings.schema)
        instance.live.id = UUID(int=rng.getrandbits(128))
        life = Life(instance, number, rng)
        with self.lock:
            self.lives.append(life)
        return life

    def note(self, figure: str, number: int = 1) -> None:
        """Count something for the figures at the end."""
        with self.lock:
            self.figures[figure] += number

    @property
    def enough(self) -> bool:
        """Tell whether no new task instance needs to begin."""
        return self.figures["tries"] >= self.settings.tries or time.monotonic() > self.deadline


class Writer:
    """One connection that many task instances are written through, each when its time comes."""

    def __init__(self, world: World, number: int) -> None:
        """Prepare the writer of this number."""
        self._world = world
        self._settings = world.settings
        self._rng = Random(f"{self._settings.seed}/writer/{number}")
        self.session = tables.Session(world.dsn, self._rng, self._settings.lag)
        self._skew = timedelta(seconds=self._rng.uniform(-1, 1) * self._settings.skew)

    def run(self, numbers: Iterator[int], past: list[Life]) -> None:
        """Live `past` lives on, and new ones until there are enough; then let all end."""
        try:
            self._run(numbers, past)
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            self._world.failures.append(error)
        finally:
            self.session.close()

    def _run(self, numbers: Iterator[int], past: list[Life]) -> None:
        due: list[tuple[float, int, Iterator[float], bool]] = []
        order = count()

        def plan(play: Iterator[float], seconds: float, *, new: bool) -> None:
            heapq.heappush(due, (time.monotonic() + seconds, next(order), play, new))

        for life in past:
            # An old run is cleared at any time; what was under way goes on at once.
            idle = life.instance.live.state in ENDED
            plan(self._play_past(life), self._rng.uniform(0, 10 if idle else 0.5), new=False)
        fresh = 0
        while True:
            while fresh < self._settings.lives and not self._world.enough:
                life = self._world.born(next(numbers))
                plan(self._play_new(life), self._rng.uniform(0, 0.5), new=True)
                fresh += 1
            if not due:
                return
            moment, _, play, new = heapq.heappop(due)
            time.sleep(max(0.0, moment - time.monotonic()))
            pause = next(play, None)
            if pause is not None:
                plan(play, pause, new=new)
            else:
                fresh -= new

    # Lives.

    def _play_new(self, life: Life) -> Iterator[float]:
        airflow = self._settings.schema
        self.session.commit(
            lambda cursor: tables.insert_run(cursor, airflow, life.instance, life.number)
        )
        yield from self._play(life)

    def _play_past(self, life: Life) -> Iterator[float]:
        if life.instance.live.state in ENDED and not self._world.enough:
            self.happen(life, "clear")
            yield 0.1
        yield from self._play(life)

    def _play(self, life: Life) -> Iterator[float]:
        while True:
            state = life.instance.live.state
            if state in ENDED:
                pause = self._until_cleared(life)
                if pause is None:
                    break
                yield pause
            following = weights(life.instance)
            event = life.rng.choices([*following], [*following.values()])[0]
            self.happen(life, event)
            yield self._pause(life)
        yield from self._end(life)

    def _pause(self, life: Life) -> float:
        state = life.instance.live.state
        if state == "up_for_reschedule" and life.rng.random() < 0.5:
            # Its end is that of the poke: whoever marks it now ends it long ago.
            return self._settings.overlap * 1.2 + 1 + life.rng.random()
        if life.rng.random() < 0.02:
            return life.rng.uniform(0.5, 1.2) * self._settings.overlap
        return life.rng.uniform(*_PAUSES.get(state, _SHORT_PAUSE))

    def _until_cleared(self, life: Life) -> float | None:
        """Return when the ended task instance is to be cleared; None: never."""
        if self._world.enough or life.clears >= _MANY_CLEARS or life.rng.random() < 0.5:
            return None
        life.clears += 1
        if life.rng.random() < 0.5:
            return life.rng.uniform(0, 1.5)
        return self._settings.long_ago + life.rng.uniform(0, 1)

    def _end(self, life: Life) -> Iterator[float]:
        self.session.commit(lambda cursor: tables.set_run(cursor, life.instance, "success"))
        if life.rng.random() > 0.1:
            return
        # What is purged before a sample saw it can be counted by nobody.
        while not self._world.seen_since(life.lasted_until + self._settings.lag):
            yield 0.5
        self.session.commit(lambda cursor: tables.delete_run(cursor, life.instance))
        life.purged = True
        self._world.note("purge")

    # Events.

    def happen(self, life: Life, event: str, ago: timedelta = timedelta()) -> None:
        """Write one event of Airflow's; the truth is booked once it has committed."""
        draws = drawn(life.rng)
        skew = self._skew if not ago else timedelta()
        worker = datetime.now(timezone.utc) - ago + skew
        needs_job = event == "start" and self._settings.schema < "3"
        outcome: list[Instance] = []
        job: list[int] = []
        if needs_job:
            self.session.commit(lambda cursor: job.append(self._job(cursor, life, ago)))

        def work(cursor: tables.Cursor) -> None:
            # The server stamps when it writes, the worker when it asked.
            now = datetime.now(timezone.utc) - ago
            after = life.instance.copy()
            given = draws._replace(job=job[-1] if job else None)
            apply(after, event, clocks(now, worker - now), given)
            if after.live.id is None:
                after.live.id = UUID(int=life.rng.getrandbits(128))
            tables.write(cursor, life.instance, after)
            if event == "clear":
                tables.set_run(cursor, after, "queued")
            elif event == "succeed" and life.rng.random() < 0.1:
                tables.set_run(cursor, after, "failed")  # the run ended before its task
            outcome.append(after)

        began = self.session.commit(work)
        self._world.note("tries", len(outcome[-1].tries) - len(life.instance.tries))
        life.instance = _booked(life.instance, outcome[-1], began)
        life.lasted_until = time.monotonic()
        if not ago:
            self._world.note(event)

    def _job(self, cursor: tables.Cursor, life: Life, ago: timedelta) -> int:
        beat = datetime.now(timezone.utc) - ago
        return tables.insert_job(cursor, life.instance.key.dag_id, beat)


def _booked(before: Instance, after: Instance, began: float) -> Instance:
    """Note when tries ended and when final failures went to the history."""
    now = time.monotonic()
    fresh = {row.start for row in after.history[len(before.history) :]}
    for position, one in enumerate(after.tries):
        if one.outcome is None:
            continue
        if position >= len(before.tries) or before.tries[position].outcome is None:
            after.tries[position] = replace(one, ended_at=now)
        elif one.outcome == "failed" and one.start in fresh and one.archived_at is None:
            after.tries[position] = replace(one, archived_at=began)
    return after
