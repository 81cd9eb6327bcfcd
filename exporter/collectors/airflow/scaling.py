"""The scaling signal of the Airflow sample: what each queue holds and expects, made to workers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from exporter import catalogue
from exporter.collectors.airflow import first_waves
from exporter.collectors.airflow.facts import DagRow, Facts, alive
from exporter.collectors.airflow.first_waves import Waves, is_of_workers
from exporter.collectors.airflow.options import Options
from exporter.collectors.airflow.reading import Reading
from exporter.collectors.airflow.schema import Schema
from exporter.collectors.airflow.transaction import begin
from exporter.errors import SourceUnavailableError
from exporter.insight.autoscale import SEED_DURATION_SECONDS, Load, Policy, demand
from exporter.insight.experience import (
    Experience,
    Widths,
    is_due,
    only,
    over,
    with_runs,
    with_tries,
    with_waves,
)
from exporter.model import ActiveGroup, FinishedTry
from exporter.samples import Sample

RUNS_A_SAMPLE = 10
"""Runs whose first wave is read in one sample; others wait for the next."""

Transact = Callable[[Callable[[Connection, Schema], Waves]], Waves]
"""Runs a reading in a transaction of its own."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the sample saw that scaling depends on."""

    reading: Reading
    finished: Collection[FinishedTry]
    queues: Collection[str]
    """Every known queue: each has its figures, whatever it holds."""
    facts: Facts | None
    """None while they cannot be read."""


@dataclass(frozen=True, slots=True)
class ScalingSample:
    """What scaling adds to a batch."""

    experience: Experience
    gauges: Mapping[str, list[Sample]] = field(default_factory=dict)


class Scaling:
    """Learns from what ends and begins, and tells how many workers are desired."""

    def __init__(self, policy: Policy) -> None:
        """Go by the policy; what was learned is the collector's to remember."""
        self._policy = policy
        self._boot = timedelta(seconds=policy.boot_seconds)
        self._log = structlog.get_logger("exporter.collectors.airflow")
        self._good = True

    def sample(
        self, before: Experience, seen: Observed, options: Options, transact: Transact
    ) -> ScalingSample:
        """Take in what has finished and begun, read first waves that are over, and make gauges."""
        reading = seen.reading
        ran = [each for each in seen.finished if is_of_workers(each.row.executor)]
        known = with_tries(before, ran, seen.queues, options.default_queue)
        runs = [*reading.runs, *reading.ended_runs]
        known = with_runs(known, runs, reading.now, self._boot)
        known = with_waves(known, self._waves(known, seen, options, transact))
        if seen.facts is not None and seen.facts.dags is not None:
            known = only(known, {dag.dag_id for dag in seen.facts.dags})
        return ScalingSample(known, {"scaling": [*self._samples(known, seen, options)]})

    def _waves(
        self, known: Experience, seen: Observed, options: Options, transact: Transact
    ) -> Waves:
        until = over(known, seen.reading.now, self._boot, RUNS_A_SAMPLE)
        if not until:
            return {}

        def read(connection: Connection, schema: Schema) -> Waves:
            begin(connection, options.timeout_seconds)
            return first_waves.read(connection, schema, until, options.default_queue)

        try:
            waves = transact(read)
        except SourceUnavailableError as error:
            # The runs are looked at again; what is desired does not wait for them.
            if self._good:
                self._log.warning("first_waves.failed", error=str(error))
            self._good = False
            return {}
        self._good = True
        return {
            run: {queue: slots for queue, slots in widths.items() if queue in seen.queues}
            for run, widths in waves.items()
        }

    def _samples(self, known: Experience, seen: Observed, options: Options) -> Iterator[Sample]:
        slots = _slots(seen.reading.groups, options.default_queue)
        dags = seen.facts.dags if seen.facts is not None else None
        due = self._due(known, dags or (), seen.reading.now)
        for queue in sorted({*seen.queues, *due}):
            load = Load(
                slots[queue, "running"],
                slots[queue, "queued"],
                due.get(queue, 0.0),
                known.durations.get(queue, SEED_DURATION_SECONDS),
            )
            wanted = demand(load, self._policy, _schedulers(seen.facts))
            yield Sample(catalogue.WORKERS_DESIRED, (queue,), float(wanted.workers))
            parts = {"running": wanted.running, "queued": wanted.queued}
            if dags is not None:
                parts["due"] = wanted.due
            for component, value in parts.items():
                yield Sample(catalogue.WORKERS_DESIRED_SLOTS, (queue, component), value)
            concurrency = float(self._policy.concurrency)
            yield Sample(catalogue.WORKER_SLOTS_CONFIGURED, (queue,), concurrency)

    def _due(self, known: Experience, dags: Iterable[DagRow], now: datetime) -> Widths:
        due: dict[str, float] = defaultdict(float)
        for dag in dags:
            may_run = not dag.paused and not dag.at_maximum
            if may_run and is_due(known, dag.dag_id, dag.next_run, now, self._boot):
                for queue, slots in known.waves.get(dag.dag_id, {}).items():
                    due[queue] += slots
        return due


def _slots(groups: Iterable[ActiveGroup], default_queue: str) -> Counter[tuple[str, str]]:
    """Return the pool slots by queue and state of what workers run."""
    slots: Counter[tuple[str, str]] = Counter()
    for group in groups:
        if group.worker_slots:
            slots[group.queue or default_queue, group.state] += group.worker_slots
    return slots


def _schedulers(facts: Facts | None) -> int:
    if facts is None or facts.jobs is None:
        return 1
    return len(alive(facts.jobs, "scheduler", facts.now))
