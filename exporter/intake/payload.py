"""What is pushed, decoded: a body to reports on tries, or a sentence that names the wrong field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Literal, NoReturn

import msgspec
from msgspec import Meta

from exporter.errors import RejectedError
from exporter.rows.claim import MAX_AMOUNT, MAX_SECONDS, Claim, Source, TryId
from exporter.rows.ids import Id, RunId
from exporter.rows.told import name

MAX_REPORTS = 64
"""Most reports in one body: a try may write for several stages."""
_LONGEST_SENTENCE = 200
_SOURCES = {"explicit": Source.EXPLICIT, "plugin": Source.PLUGIN, "dbt": Source.DBT}

_Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_MapIndex = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
_Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
_Seconds = Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
_CpuSeconds = Annotated[float, Meta(ge=0, le=MAX_AMOUNT)]


class _Record(msgspec.Struct, frozen=True):
    dag_id: Id
    task_id: Id
    run_id: RunId
    try_number: _Number
    map_index: _MapIndex = -1
    state: Literal["success", "failed", "skipped", "up_for_retry"] | None = None
    source: Literal["explicit", "plugin", "dbt", "sidecar"] = "explicit"
    pipeline: str | None = None
    stage: str | None = None
    rows: _Amount | None = None
    bytes: _Amount | None = None
    seconds: _Seconds | None = None
    cpu_seconds: _CpuSeconds | None = None
    peak_memory_bytes: _Amount | None = None
    read_bytes: _Amount | None = None
    written_bytes: _Amount | None = None
    id: RunId | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What a try has used; None is unknown."""

    dag_id: str
    task_id: str
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None

    @property
    def tells(self) -> bool:
        """Whether anything is known."""
        known = (self.cpu_seconds, self.peak_memory_bytes, self.read_bytes, self.written_bytes)
        return any(each is not None for each in known)


@dataclass(frozen=True, slots=True)
class Report:
    """What one record says of a try: how much data it wrote, what it used, or both."""

    on: TryId
    state: str | None
    claim: Claim | None
    uses: Mapping[str, Use]
    """By keys that are the same each time the same is sent."""


class Decoder:
    """Reads bodies; where tries are counted by what pushes say, claims must say the state."""

    def __init__(self, *, needs_state: bool) -> None:
        """Prepare."""
        self._needs_state = needs_state
        many = Annotated[list[_Record], Meta(min_length=1, max_length=MAX_REPORTS)]
        decoder = msgspec.json.Decoder(_Record | many)
        self._decode: Callable[[bytes], _Record | list[_Record]] = decoder.decode

    def __call__(self, body: bytes) -> tuple[Report, ...]:
        """Return the reports of a body; raise RejectedError naming the field that is wrong."""
        try:
            found = self._decode(body)
        except RecursionError:
            _reject("nested too deeply")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _reject(str(error))
        if isinstance(found, _Record):
            return (self._report(found, "$"),)
        return tuple(self._report(each, f"$[{at}]") for at, each in enumerate(found))

    def _report(self, record: _Record, where: str) -> Report:
        for field, wrong in self._faults(record):
            _reject(f"{wrong} - at `{where}{field}`")
        on = TryId(
            record.dag_id, record.task_id, record.run_id, record.map_index, record.try_number
        )
        claim = _claim(record)
        return Report(
            on,
            record.state,
            claim if claim is not None and claim.tells else None,
            _uses(on, record),
        )

    def _faults(self, record: _Record) -> Iterator[tuple[str, str]]:
        claim = _claim(record)
        if claim is None and any(each is not None for each in (record.rows, record.bytes)):
            yield ".source", "A sidecar tells what a try used, not rows or bytes"
        tells_data = claim is not None and claim.tells
        if not tells_data and not any(each.tells for each in _parts(record)):
            yield "", "Tells neither rows or bytes nor what the try used"
        if tells_data and self._needs_state and record.state is None:
            yield ".state", "Needed: this exporter samples no database"


def _claim(record: _Record) -> Claim | None:
    source = _SOURCES.get(record.source)
    if source is None:
        return None
    # What can be seen differs between Pythons: a name is no reason to lose the rows of the others.
    pipeline, stage = name(record.pipeline), name(record.stage)
    return Claim(source, pipeline, stage, record.rows, record.bytes, record.seconds)


def _parts(record: _Record) -> tuple[Use, Use]:
    """Return the amounts, which add up, and the peak, which is one observation of a try."""
    names = (record.dag_id, record.task_id)
    return (
        Use(
            *names,
            cpu_seconds=record.cpu_seconds,
            read_bytes=record.read_bytes,
            written_bytes=record.written_bytes,
        ),
        Use(*names, peak_memory_bytes=record.peak_memory_bytes),
    )


def _uses(on: TryId, record: _Record) -> dict[str, Use]:
    """Return what a try used.

    By its sender's id, so that two halves of one try are two; but of a try that was handed over
    twice, as by a sidecar that was started again, the first peak is the one.
    """
    amounts, peak = _parts(record)
    found = {_key(*on, record.id): amounts, _key(*on, None, "peak"): peak}
    return {key: use for key, use in found.items() if use.tells}


def _key(*of: object) -> str:
    return blake2b(json.dumps(of).encode(), digest_size=16).hexdigest()


def _reject(why: str) -> NoReturn:
    raise RejectedError(why[:_LONGEST_SENTENCE])
