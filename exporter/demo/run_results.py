"""What dbt leaves behind in the demo: a run_results.json of version 6 for each try that ran it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

_SCHEMA = "https://schemas.getdbt.com/dbt/run-results/v6.json"
_MODELS = ("fct_orders", "fct_revenue", "dim_customers")


@dataclass(frozen=True, slots=True)
class Built:
    """What one invocation has built."""

    rows: int
    bytes: int
    seconds: float


def write(target: Path, of: Mapping[str, object], built: Built, now: datetime) -> None:
    """Write the results to a target path; `of` names the try that has run dbt."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "run_results.json").write_text(json.dumps(_results(of, built, now)))


def _results(of: Mapping[str, object], built: Built, now: datetime) -> dict[str, Any]:
    # As DBT_ENV_CUSTOM_ENV_DAG_ID and so on would have told it.
    env = {name.upper(): str(value) for name, value in of.items()}
    return {
        "metadata": {
            "dbt_schema_version": _SCHEMA, "dbt_version": "1.12.0",
            "generated_at": now.isoformat(), "invocation_id": str(uuid4()), "env": env,
        },
        "results": [
            *_models(built),
            # A test's number is how many rows it found wrong: nothing that was written.
            _result("test.sales.not_null_orders", "pass", 0.1, {"rows_affected": 1}),
        ],
        "elapsed_time": built.seconds,
        "args": {"which": "build"},
    }  # fmt: skip


def _models(built: Built) -> list[dict[str, Any]]:
    """Share what was built among the models; the first gets what cannot be shared."""
    count = len(_MODELS)
    results = []
    for place, name in enumerate(_MODELS):
        first = place == 0
        response = {
            "rows_affected": built.rows // count + (built.rows % count if first else 0),
            "bytes_processed": built.bytes // count + (built.bytes % count if first else 0),
        }
        relation = {"relation_name": f'"warehouse"."gold"."{name}"'}
        result = _result(f"model.sales.{name}", "success", built.seconds / count, response)
        results.append(result | relation)
    return results


def _result(
    unique_id: str, status: str, seconds: float, response: dict[str, int]
) -> dict[str, Any]:
    return {
        "unique_id": unique_id, "status": status, "execution_time": seconds, "timing": [],
        "thread_id": "Thread-1", "message": None, "failures": None, "adapter_response": response,
        "relation_name": None, "compiled": True, "compiled_code": "select 1",
    }  # fmt: skip
