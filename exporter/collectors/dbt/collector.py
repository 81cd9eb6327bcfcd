"""The dbt collector: the rows of each invocation, claimed of the try that ran it, or counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from exporter import catalogue
from exporter.clock import Clock
from exporter.collectors.base import Collector
from exporter.collectors.dbt.files import Signature, walked
from exporter.collectors.dbt.memory import Memory, checkpoint, restored
from exporter.errors import RejectedError
from exporter.kernel.kept import whole
from exporter.rows import dbt
from exporter.rows.claim import Claim, TryId
from exporter.rows.processed import processed
from exporter.rows.stages import UNKNOWN, Place
from exporter.rows.timed import timed
from exporter.rows.window import Window
from exporter.samples import Batch, EntryKey, Sample

BEING_WRITTEN_SECONDS = 10.0
"""How long a file that makes no sense may still be in the making."""
AHEAD_SECONDS = 3600.0
"""How far dbt's clock may be ahead of ours."""
OUTCOMES = ("counted", "old", "refused")

Submit = Callable[[TryId, Sequence[Claim], str], bool]
"""Hands over claims on a try and how the try ended as far as dbt knows; True once durable."""


@dataclass
class _Look:
    """One look through the directory: what changes if all of it is taken."""

    memory: Memory
    done: dict[Path, Signature]
    counted: dict[str, float] = field(default_factory=dict)
    """When dbt made the invocations that are new."""
    increments: list[Sample] = field(default_factory=list)
    files: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    """Files whose claims could not be handed over."""

    @property
    def trouble(self) -> str | None:
        return f"{self.waiting} files wait: their claims are not taken" if self.waiting else None


class DbtCollector(Collector):
    """Reads every run_results.json that appears below a directory, once."""

    name = "dbt"

    def __init__(
        self, directory: Path, submit: Submit, entries: Mapping[EntryKey, str], clock: Clock
    ) -> None:
        """Start from what earlier checkpoints hold; nothing is read before the first sample."""
        self._directory = directory
        self._submit = submit
        self._clock = clock
        self._log = structlog.get_logger("exporter.collectors.dbt")
        self._memory = self._restored(entries)
        self._done: dict[Path, Signature] = {}
        """Files that need no more reading while they stay as they are."""
        self._files: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self._look: _Look | None = None

    @property
    def window(self) -> Window:
        """What was written in the last minutes by invocations that belong to no try."""
        return {} if self._memory is None else self._memory.window

    def sample(self) -> Batch:
        """Read the files that are new or were written again."""
        now = self._clock.wall()
        found = walked(self._directory)
        look = self._look = _Look(
            (self._memory or Memory(since=now)).with_written(now, ()),
            {path: each for path, each in self._done.items() if found.files.get(path) == each},
        )
        for path, signature in found.files.items():
            if path not in look.done and self._is_done(path, signature, look, now):
                look.done[path] = signature
        look.memory = look.memory.with_counted(look.counted, now)
        files = self._files + look.files
        return Batch(
            gauges={"files": [_files_sample(each, files[each]) for each in OUTCOMES]},
            increments=look.increments,
            checkpoint=checkpoint(self._memory, look.memory),
            trouble="; ".join(filter(None, (found.trouble, look.trouble))) or None,
        )

    def accepted(self) -> None:
        """Take over what the last look found."""
        if self._look is not None:
            self._memory, self._done = self._look.memory, self._look.done
            self._files.update(self._look.files)

    def _is_done(self, path: Path, signature: Signature, look: _Look, now: float) -> bool:
        """Count a file's invocation if it is new; tell whether the file needs no more reading."""
        data = whole(str(path), dbt.SIZE_LIMIT + 1)
        if data is None:
            return True
        try:
            invocation = _timely(dbt.invocation(data), now)
        except RejectedError as error:
            if now - signature.modified_seconds < BEING_WRITTEN_SECONDS:
                return False
            self._log.warning("dbt.refused", path=str(path), error=str(error))
            look.files["refused"] += 1
            return True
        made = invocation.generated.timestamp()
        is_old = made < look.memory.since
        if is_old or invocation.id in look.memory.counted or invocation.id in look.counted:
            look.files["old"] += is_old
            return True
        if invocation.on is None:
            _count(invocation, look, now)
        elif not self._submit(invocation.on, dbt.claims(invocation), invocation.outcome):
            look.waiting += 1
            return False
        look.files["counted"] += 1
        look.counted[invocation.id] = made
        return True

    def _restored(self, entries: Mapping[EntryKey, str]) -> Memory | None:
        try:
            return restored(entries)
        except (ValueError, TypeError):
            self._log.error("memory.unreadable")
            return None


def _timely(invocation: dbt.Invocation, now: float) -> dbt.Invocation:
    if invocation.generated.timestamp() > now + AHEAD_SECONDS:
        message = f"run results are of {invocation.generated}, which is still to come"
        raise RejectedError(message)
    return invocation


def _files_sample(outcome: str, count: int) -> Sample:
    return Sample(catalogue.DBT_FILES, (outcome,), float(count))


def _count(invocation: dbt.Invocation, look: _Look, now: float) -> None:
    """Count an invocation that no try is known for: it is nobody's claim."""
    told = [
        (Place(invocation.project, each.stage or UNKNOWN), each) for each in dbt.claims(invocation)
    ]
    for place, claim in told:
        if claim.rows is None:
            look.increments.append(Sample(catalogue.TRIES_ROWS_UNKNOWN, (*place, None, None), 1.0))
        look.increments += processed(place, (None, None), claim, timed(claim))
    look.memory = look.memory.with_written(now, ((place, timed(each)) for place, each in told))
