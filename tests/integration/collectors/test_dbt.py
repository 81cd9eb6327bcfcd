"""What dbt wrote outside of any try, through the whole exporter."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from tests.support.exporter import ExporterProcess

PLACE = '{pipeline="toy",stage="bronze"}'


def results() -> str:
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
        "generated_at": datetime.now(timezone.utc).isoformat(),
        "invocation_id": "one",
    }
    response = {"rows_affected": 5000, "bytes_processed": 40_000_000}
    node = {
        "unique_id": "model.toy.br_orders",
        "status": "success",
        "adapter_response": response,
        "execution_time": 2.0,
        "relation_name": '"db"."wh_bronze"."orders"',
    }
    untold = {**node, "unique_id": "model.toy.br_other", "adapter_response": {}}
    return json.dumps({"metadata": metadata, "results": [node, untold]})


def test_an_invocation_of_no_try_feeds_totals_rates_and_baselines(tmp_path: Path) -> None:
    directory = tmp_path / "dbt"
    directory.mkdir()
    arguments = (
        "--no-collector.airflow", "--no-collector.tasks", "--no-collector.containers",
        "--dbt.path", str(directory), "--dbt.interval", "100ms", "--series.hold", "0s",
    )  # fmt: skip
    with ExporterProcess(tmp_path, *arguments) as daemon:
        daemon.wait_ready()
        (directory / "run_results.json").write_text(results())
        daemon.wait_for(f"data_processing_rate_mbps{PLACE} 20")
        daemon.wait_for(f"data_processing_rows_per_second{PLACE} 2500")
        daemon.wait_for(f"data_rows_processed_total{PLACE} 5000")
        daemon.wait_for(f"data_timed_bytes_seconds_total{PLACE} 2")
        daemon.wait_for(
            'airflow_baseline_actual{scope="stage",name="bronze",metric="rate_mbps",'
            'direction="min"} 20'
        )
