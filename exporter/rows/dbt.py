"""dbt's run_results.json: what one invocation wrote, by stage.

Format: schemas.getdbt.com/dbt/run-results/v6.json, which dbt-core 1.8 to 1.12 write. Only the
fields that are wanted are decoded, so the size of compiled SQL costs nothing.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

import msgspec

from exporter.errors import RejectedError
from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.names import is_name
from exporter.rows.stages import UNKNOWN, stage_named

SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes of one file, or of what a Cosmos XCom inflates to."""
MAJOR = 6
_LARGEST = 2**53
"""Of rows or bytes: floats, which totals are, hold every whole number up to here."""
_COUNTED_TYPES = frozenset({"model", "seed", "snapshot"})
"""A test's rows_affected is 1, and a hook's says nothing."""
_FAILED = frozenset({"error", "fail", "runtime error"})
_NUMBER = re.compile("-1|[0-9]{1,9}")
_VERSION = re.compile(r"/run-results/v(\d{1,4})\.json$")


class _AdapterResponse(msgspec.Struct, frozen=True):
    code: object = None
    rows_affected: object = None
    bytes_processed: object = None


class _Result(msgspec.Struct, frozen=True):
    unique_id: str
    status: str
    adapter_response: _AdapterResponse | None = None
    execution_time: float | None = None
    relation_name: str | None = None


class _Metadata(msgspec.Struct, frozen=True):
    dbt_schema_version: str
    generated_at: datetime
    invocation_id: str
    env: dict[str, object] = msgspec.field(default_factory=dict)


class _Head(msgspec.Struct, frozen=True):
    metadata: _Metadata


class _File(msgspec.Struct, frozen=True):
    results: list[_Result]


@dataclass(frozen=True, slots=True)
class Node:
    """A model, seed or snapshot that wrote data; None is what the adapter does not tell."""

    project: str
    name: str
    schema: str | None
    rows: int | None
    bytes: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of dbt."""

    id: str
    generated: datetime
    """When its results were written; with a time zone."""
    nodes: tuple[Node, ...]
    outcome: str
    """"failed" when any node failed, else "success"."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables whose names began with DBT_ENV_CUSTOM_ENV_, without that."""

    @property
    def project(self) -> str:
        """The project that most of what was written belongs to."""
        projects = Counter(node.project for node in self.nodes if is_name(node.project))
        return projects.most_common(1)[0][0] if projects else UNKNOWN


def invocation(data: bytes) -> Invocation:
    """Read a run_results.json; raise RejectedError, in a sentence, for what is none of version 6.

    Unknown fields are let through, as dbt adds some with each release.
    """
    if len(data) > SIZE_LIMIT:
        message = f"run results are larger than {SIZE_LIMIT} bytes"
        raise RejectedError(message)
    try:
        # The head first: of another major version nothing else need have this form.
        metadata = msgspec.json.decode(data, type=_Head).metadata
        _require_major(metadata.dbt_schema_version)
        results = msgspec.json.decode(data, type=_File).results
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f"this is no run_results.json: {error}"
        raise RejectedError(message) from None
    generated = metadata.generated_at
    return Invocation(
        metadata.invocation_id,
        generated if generated.tzinfo else generated.replace(tzinfo=timezone.utc),
        tuple(node for result in results if (node := _node(result)) is not None),
        "failed" if any(result.status in _FAILED for result in results) else "success",
        {name: value for name, value in metadata.env.items() if isinstance(value, str)},
    )


def cosmos_invocation(text: str) -> Invocation:
    """Read what Cosmos pushes as XCom `run_results`: base64 of a zlib stream, never trusted."""
    try:
        packed = base64.b64decode(text, validate=True)
        inflating = zlib.decompressobj()
        data = inflating.decompress(packed, SIZE_LIMIT)
    except (binascii.Error, ValueError, zlib.error):
        message = "this is no run_results of Cosmos: base64 of a zlib stream is expected"
        raise RejectedError(message) from None
    if not inflating.eof:
        message = f"run results inflate to more than {SIZE_LIMIT} bytes, or are cut"
        raise RejectedError(message)
    return invocation(data)


def claims(of: Invocation) -> tuple[Claim, ...]:
    """Return a claim for each stage that was written; one of which no node tells has no rows."""
    stages: dict[str | None, list[Node]] = {}
    for node in of.nodes:
        stage = stage_named(node.schema or "") or stage_named(node.name)
        stages.setdefault(stage, []).append(node)
    return tuple(_claim(stage, nodes) for stage, nodes in stages.items())


def of_try(of: Invocation) -> TryId | None:
    """Return the try that ran dbt, as variables told: DBT_ENV_CUSTOM_ENV_DAG_ID and so on."""
    dag, task, run = (of.env.get(name, "") for name in ("DAG_ID", "TASK_ID", "RUN_ID"))
    index, number = of.env.get("MAP_INDEX", "-1"), of.env.get("TRY_NUMBER", "")
    if not (dag and task and run and _NUMBER.fullmatch(number) and _NUMBER.fullmatch(index)):
        return None
    return TryId(dag, task, run, int(index), int(number))


def _claim(stage: str | None, nodes: Sequence[Node]) -> Claim:
    """Sum up the same nodes, or the seconds would be of other data than the rows or bytes."""
    with_rows = [node for node in nodes if node.rows is not None]
    with_bytes = [node for node in nodes if node.bytes is not None]
    telling = with_rows or with_bytes
    return Claim(
        Source.DBT,
        stage=stage,
        rows=sum(node.rows or 0 for node in with_rows) if with_rows else None,
        bytes=sum(node.bytes or 0 for node in telling) if telling == with_bytes != [] else None,
        seconds=sum(node.seconds for node in telling or nodes),
    )


def _require_major(schema: str) -> None:
    found = _VERSION.search(schema)
    if found is None or int(found[1]) != MAJOR:
        told = f"version {found[1]}" if found else "an unknown version"
        message = f"run results of {told} are not understood; version {MAJOR} is"
        raise RejectedError(message)


def _node(result: _Result) -> Node | None:
    kind, _, rest = result.unique_id.partition(".")
    if kind not in _COUNTED_TYPES or result.status != "success":
        return None
    project, _, name = rest.partition(".")
    response = result.adapter_response or _AdapterResponse()
    if response.code == "CREATE VIEW":
        return None
    seconds = result.execution_time or 0.0
    return Node(
        project,
        name,
        _schema(result.relation_name),
        _counted(response.rows_affected),
        _counted(response.bytes_processed),
        seconds if math.isfinite(seconds) and seconds > 0 else 0.0,
    )


def _counted(value: object) -> int | None:
    """Return a number of rows or bytes; -1, which adapters write for a view, is unknown."""
    if type(value) is not int or not 0 <= value <= _LARGEST:
        return None
    return value


def _schema(relation: str | None) -> str | None:
    """Return the middle part of a name such as "db"."schema"."table"."""
    parts = (relation or "").split(".")
    return parts[-2].strip('`"[]') if len(parts) > 1 else None
