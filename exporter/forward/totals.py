"""What a try has used in all, and how another exporter is told."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass

from exporter.model import Task


@dataclass(frozen=True, slots=True)
class Totals:
    """What a try has used from its start to its end; None is unknown and is not sent."""

    task: Task
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    state: str | None = None
    source: str = "sidecar"


def payload(totals: Totals) -> bytes:
    """Return the JSON of an ingest request; `id` is the same in each attempt to send it."""
    told = asdict(totals)
    told = {"id": uuid.uuid4().hex, **told.pop("task"), **told}
    known = {key: value for key, value in told.items() if value is not None}
    return json.dumps(known, allow_nan=False).encode()
