"""Claims and the tries they are on as texts of checkpoint entries."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from exporter.rows.claim import Claim, Source, TryId


def try_text(try_id: TryId) -> str:
    """Write what names a try."""
    return json.dumps(try_id)


def try_id(text: str) -> TryId:
    """Read what names a try; raise ValueError or TypeError when it makes no sense."""
    return TryId(*json.loads(text))


def claim_values(claims: Iterable[Claim]) -> list[list[Any]]:
    """Return claims as values that JSON knows."""
    return [
        [int(each.source), each.pipeline, each.stage, each.rows, each.bytes, each.seconds]
        for each in claims
    ]


def claims_of(values: Iterable[list[Any]]) -> tuple[Claim, ...]:
    """Return the claims that `claim_values` made values of."""
    return tuple(Claim(Source(source), *rest) for source, *rest in values)
