"""dbt's run_results.json: what one invocation wrote, by stage.

Format: schemas.getdbt.com/dbt/run-results/v6.json, which dbt-core 1.8 to 1.12 write. Only the
fields that are wanted are decoded, so the size of compiled SQL costs nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated

import msgspec
from msgspec import Meta

from exporter.errors import RejectedError
from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.ids import Id, RunId
from exporter.rows.names import is_name
from exporter.rows.stages import UNKNOWN, stage_named
from exporter.rows.told import amount, seconds

SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes of one file."""
INFLATED_LIMIT = 8 * 1024 * 1024
"""Bytes that a Cosmos XCom inflates to."""
MAX_OBJECTS = 100_000
"""JSON objects in one file; dbt writes four or five a node."""
MAJOR = 6
_COUNTED_TYPES = frozenset({"model", "seed", "snapshot"})
"""A test's rows_affected is 1, and a hook's says nothing."""
_FAILED = frozenset({"error", "fail", "runtime error"})
_WHOLE = re.compile(rb"[0-9]{1,16}")
_VERSION = re.compile(r"/run-results/v(\d{1,4})\.json$")


_Text = Annotated[str, Meta(max_length=4096)]
_NOTHING = msgspec.Raw()


class _AdapterResponse(msgspec.Struct, frozen=True):
    # Raw, for these may be anything, and a list of lists takes many times its text.
    code: msgspec.Raw = _NOTHING
    rows_affected: msgspec.Raw = _NOTHING
    bytes_processed: msgspec.Raw = _NOTHING


class _Result(msgspec.Struct, frozen=True):
    unique_id: _Text
    status: _Text
    adapter_response: _AdapterResponse | None = None
    execution_time: float | None = None
    relation_name: _Text | None = None


class _Metadata(msgspec.Struct, frozen=True):
    dbt_schema_version: _Text
    generated_at: datetime
    invocation_id: RunId
    env: msgspec.Raw = _NOTHING


class _Try(msgspec.Struct, frozen=True, rename="upper"):
    """Variables whose names began with DBT_ENV_CUSTOM_ENV_, without that."""

    dag_id: Id
    task_id: Id
    run_id: RunId
    try_number: Annotated[str, Meta(pattern=r"\A[0-9]{1,9}\Z")]
    map_index: Annotated[str, Meta(pattern=r"\A(-1|[0-9]{1,9})\Z")] = "-1"


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
    on: TryId | None = None
    """The try that ran dbt, as variables told: DBT_ENV_CUSTOM_ENV_DAG_ID and so on."""

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
    if data.count(b"{") > MAX_OBJECTS:
        message = f"run results hold more than {MAX_OBJECTS} objects"
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
        _try_named_in(metadata.env),
    )


def cosmos_invocation(text: str) -> Invocation:
    """Read what Cosmos pushes as XCom `run_results`: base64 of a zlib stream, never trusted."""
    try:
        packed = base64.b64decode(text, validate=True)
        inflating = zlib.decompressobj()
        data = inflating.decompress(packed, INFLATED_LIMIT)
    except (binascii.Error, ValueError, zlib.error):
        message = "this is no run_results of Cosmos: base64 of a zlib stream is expected"
        raise RejectedError(message) from None
    if not inflating.eof:
        message = f"run results inflate to more than {INFLATED_LIMIT} bytes, or are cut"
        raise RejectedError(message)
    return invocation(data)


def claims(of: Invocation) -> tuple[Claim, ...]:
    """Return a claim for each stage that was written; one of which no node tells has no rows."""
    stages: dict[str | None, list[Node]] = {}
    for node in of.nodes:
        stage = stage_named(node.schema or "") or stage_named(node.name)
        stages.setdefault(stage, []).append(node)
    return tuple(_claim(stage, nodes) for stage, nodes in stages.items())


def _try_named_in(env: msgspec.Raw) -> TryId | None:
    try:
        told = msgspec.json.decode(env, type=_Try)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return TryId(told.dag_id, told.task_id, told.run_id, int(told.map_index), int(told.try_number))


def _claim(stage: str | None, nodes: Sequence[Node]) -> Claim:
    """Sum up the same nodes, or the seconds would be of other data than the rows or bytes."""
    with_rows = [node for node in nodes if node.rows is not None]
    with_bytes = [node for node in nodes if node.bytes is not None]
    telling = with_rows or with_bytes
    are_sized = telling == with_bytes != []
    return Claim(
        Source.DBT,
        stage=stage,
        rows=amount(sum(node.rows or 0 for node in with_rows)) if with_rows else None,
        bytes=amount(sum(node.bytes or 0 for node in telling)) if are_sized else None,
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
    if bytes(response.code) == b'"CREATE VIEW"':
        return None
    return Node(
        project,
        name,
        _schema(result.relation_name),
        _counted(response.rows_affected),
        _counted(response.bytes_processed),
        seconds(result.execution_time) or 0.0,
    )


def _counted(told: msgspec.Raw) -> int | None:
    """Return a number of rows or bytes; -1, which adapters write for a view, is unknown."""
    whole = _WHOLE.fullmatch(told)
    return None if whole is None else amount(int(whole[0]))


def _schema(relation: str | None) -> str | None:
    """Return the middle part of a name such as "db"."schema"."table"."""
    parts = (relation or "").split(".")
    return parts[-2].strip('`"[]') if len(parts) > 1 else None
