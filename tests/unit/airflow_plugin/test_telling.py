"""How the plugin tells the exporter: once, soon or not at all, and without a secret."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.intake import Intake
from tests.support.ports import free_port
from tests.unit.airflow_plugin.playing import LINEAGE, play, task_instance


def test_the_end_of_a_try_tells_its_state(plugin: Any, intake: Intake) -> None:
    listener = plugin._Listener()
    for end in ("success", "failed", "skipped"):
        plugin.report_rows(1)
        getattr(listener, f"on_task_instance_{end}")(task_instance())
    assert [record["state"] for record in intake.records] == ["success", "failed", "skipped"]


def test_the_token_is_taken_from_a_file_or_the_environment(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    play(plugin, lambda: plugin.report_rows(1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN", "one")
    play(plugin, lambda: plugin.report_rows(1))
    (tmp_path / "token").write_text("two\n")
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN_FILE", str(tmp_path / "token"))
    play(plugin, lambda: plugin.report_rows(1))
    given = [push.headers.get("Authorization") for push in intake.pushes]
    assert given == [None, "Bearer one", "Bearer two"]


def test_a_path_in_the_address_is_kept(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("", "/", "/behind/a/proxy"):
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", intake.url + path)
        play(plugin, lambda: plugin.report_rows(1))
    assert [push.path for push in intake.pushes] == [*["/ingest/v1/tries"] * 2, "/behind/a/proxy"]


def test_an_exporter_that_does_not_answer_is_not_waited_for(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()
    monkeypatch.setattr(plugin, "_answer", lambda *_: str(released.wait(60)))
    monkeypatch.setattr(plugin, "_DEADLINE_SECONDS", 0.05)
    play(plugin, lambda: plugin.report_rows(1))
    assert not released.is_set()
    assert "no answer in time" in caplog.text
    released.set()


@pytest.mark.parametrize(
    "url",
    [
        "exporter", "exporter:10113", "127.0.0.1:10113", "ftp://127.0.0.1", "http://127.0.0.1:port",
        "http://[bad", "http://:10113", "http://user:s3cret@127.0.0.1:1", "http://s3cret@127.0.0.1",
        "http://127.0.0.1:99999",
    ],
)  # fmt: skip
def test_an_address_that_is_none_to_send_to_is_said_in_one_line(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", url)
    monkeypatch.setattr(plugin, "_answer", pytest.fail)
    play(plugin, lambda: plugin.report_rows(1))
    assert [record.getMessage() for record in caplog.records] == [
        "rows are not told: AIRFLOW_PERF_EXPORTER_URL must be an address such as "
        "http://exporter:10113, without a user"
    ]


def test_an_exporter_that_is_away_is_logged_by_the_kind_of_error(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", f"http://127.0.0.1:{free_port()}")
    play(plugin, lambda: plugin.report_rows(1))
    assert "rows are not delivered to the exporter: ConnectionRefusedError" in caplog.text


def test_no_secret_reaches_the_log_or_the_exporter(
    plugin: Any,
    intake: Intake,
    ran: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    play(plugin, lambda: ran("/* s3cret */ INSERT INTO s3cret VALUES ('s3cret')", 1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN", "s3cret\nno header")
    play(plugin, lambda: plugin.report_rows(1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN_FILE", "/s3cret")
    play(plugin, lambda: plugin.report_rows(1))
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", "http://127.0.0.1:1/s3cret")
    play(plugin, lambda: plugin.report_rows(1))
    assert "{'INSERT': 1}" in caplog.text
    assert "ValueError" in caplog.text
    assert "s3cret" not in caplog.text
    assert all(b"s3cret" not in push.body for push in intake.pushes)


def test_an_exporter_that_refuses_is_logged(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Intake(status=401)) as receiver:
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", receiver.url)
        play(plugin, lambda: plugin.report_rows(1))
    assert "rows are not delivered to the exporter: 401" in caplog.text


def test_what_the_exporter_says_is_wrong_is_one_short_line_of_the_log(
    plugin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_TOKEN", "s3cret")
    said = b"Expected `int` - at `$.rows`.\r\n\x1b[31m\xff s3cret ERROR \xe2\x80\xae" + b"x" * 10**5
    with closing(Intake(status=400, said=said)) as receiver:
        monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", receiver.url)
        play(plugin, lambda: plugin.report_rows(1))
    (line,) = [record.getMessage() for record in caplog.records]
    sentence = "Expected `int` - at `$.rows`. [31m\ufffd *** ERROR "
    start = f"rows are not delivered to the exporter: 400 {sentence}"
    assert line == start + "x" * (300 - len(sentence))


def test_no_error_of_the_plugin_reaches_the_task(
    plugin: Any, intake: Intake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, LINEAGE, SimpleNamespace())
    play(plugin, lambda: None)
    assert caplog.text.count("AttributeError") == 2


def test_without_an_address_nothing_is_registered_or_kept(
    plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_PERF_EXPORTER_URL", raising=False)
    idle = type("Idle", (plugin.PerfExporterPlugin,), {})
    idle.on_load()
    plugin.report_rows(1)
    assert not hasattr(idle, "listeners")
    assert plugin._told.reports == {}
    monkeypatch.setenv("AIRFLOW_PERF_EXPORTER_URL", "http://exporter")
    idle.on_load()
    assert (len(idle.listeners), idle.hook_lineage_readers) == (1, ["reader"])
