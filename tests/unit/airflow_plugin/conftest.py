"""The plugin beside as much of Airflow as it needs, and an exporter that it tells."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.support.intake import Intake
from tests.unit.airflow_plugin.playing import LINEAGE, loaded


@pytest.fixture(scope="module")
def plugin() -> Iterator[Any]:
    """Yield the plugin beside as much of Airflow as it imports."""
    modules = {
        "airflow": ModuleType("airflow"),
        "airflow.listeners": SimpleNamespace(hookimpl=lambda function: function),
        "airflow.plugins_manager": SimpleNamespace(AirflowPlugin=type("AirflowPlugin", (), {})),
        "airflow.sdk.lineage": SimpleNamespace(HookLineageReader="reader", MAX_COLLECTED_EXTRA=30),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)  # type: ignore[arg-type]
        module = loaded()
        module._DEADLINE_SECONDS = module._READING_SECONDS = 60  # this machine may be slow
        yield module


@pytest.fixture
def intake(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Intake]:
    """Yield an exporter that the plugin tells."""
    with closing(Intake()) as receiver:
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", receiver.url)
        yield receiver


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return how a hook runs a statement: text, its count, how often, on what connection."""
    extras: list[SimpleNamespace] = []
    collector = SimpleNamespace(collected_assets=SimpleNamespace(extra=extras))
    lineage = SimpleNamespace(get_hook_lineage_collector=lambda: collector)
    monkeypatch.setitem(sys.modules, LINEAGE, lineage)

    def run(sql: object, rows: int | None, times: int = 1, kind: str = "postgres") -> None:
        value = {"sql": sql, "row_count": rows, "sql_parameters": ("s3cret",)}
        context = SimpleNamespace(conn_type=kind)
        for known in extras:
            if known.value == value and known.context == context:
                known.count += times
                return
        extras.append(SimpleNamespace(key="sql_job", value=value, count=times, context=context))

    return run
