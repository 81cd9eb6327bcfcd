"""A report for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from exporter.report.document import SCHEMA, TOP_FINDINGS, Column, Report, Section, Value


def as_json(report: Report) -> str:
    """Return one JSON object; keys name their units, null is unknown."""
    return json.dumps(_fields(report), indent=2, allow_nan=False) + "\n"


def _fields(report: Report) -> dict[str, Any]:
    extent = report.extent
    return {
        "schema": SCHEMA,
        "since": extent.split.isoformat(),
        "until": extent.end.isoformat(),
        "compared_since": extent.begin.isoformat(),
        "asked_seconds": extent.asked_later.total_seconds(),
        "asked_compare_seconds": extent.asked_earlier.total_seconds(),
        "database_begins": None if extent.first is None else extent.first.isoformat(),
        "verdict": report.verdict,
        "totals": dict(report.totals),
        "findings": [
            {
                "kind": each.kind.value,
                "text": each.text,
                "detail": each.detail,
                "recommendation": each.recommendation,
                "seconds": each.seconds,
                "is_top": place < TOP_FINDINGS,
            }
            for place, each in enumerate(report.findings)
        ],
        "sections": {each.key: _section(each) for each in report.sections},
        "missing": [{"what": each.what, "why": each.why} for each in report.missing],
        "running": list(report.running),
    }


def _section(section: Section) -> dict[str, Any]:
    rows = [_row(section.columns, row) for row in section.rows]
    return {"title": section.title, "note": section.note, "total": section.total, "rows": rows}


def _row(columns: Sequence[Column], row: Sequence[Value]) -> dict[str, Value]:
    return {
        column.key: None if isinstance(value, float) and not math.isfinite(value) else value
        for column, value in zip(columns, row, strict=True)
    }
