"""Tests of the log: one line an event, no secret in any of them, and nothing ends by logging."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs import Redactor, catch_unhandled, configure

HOSTILE = "pa\"ss'w\\ör\nd <&> %2f"
PASSWORDS = st.text(st.characters(codec="utf-8"), min_size=3, max_size=30)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    handlers, raises = list(logging.getLogger().handlers), logging.raiseExceptions
    yield
    logging.getLogger().handlers[:] = handlers
    logging.raiseExceptions = raises
    structlog.reset_defaults()


def logged(
    log_format: str | None = "json", level: str = "info", secrets: tuple[str, ...] = ()
) -> io.StringIO:
    redactor, out = Redactor(), io.StringIO()
    redactor.add(secrets)
    configure(level, log_format, redactor, out)
    return out


def test_without_a_terminal_an_event_is_one_line_of_json() -> None:
    out = logged(None)
    structlog.get_logger().info("thing.happened", count=3, text="a\nb")
    assert out.getvalue().count("\n") == 1
    line = json.loads(out.getvalue())
    assert line["event"] == "thing.happened"
    assert line["level"] == "info"
    assert (line["count"], line["text"]) == (3, "a\nb")
    assert line["timestamp"].endswith("Z")


def test_less_severe_events_are_left_out() -> None:
    out = logged(level="warning")
    log = structlog.get_logger()
    log.info("left.out")
    log.warning("kept")
    assert "left.out" not in out.getvalue()
    assert "kept" in out.getvalue()


def test_a_later_level_holds_for_loggers_that_exist_already() -> None:
    logged(level="error")
    log = structlog.get_logger("a.part")
    log.error("first")
    out = logged(level="debug")
    log.debug("now.seen")
    assert "now.seen" in out.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_neither_locals_nor_known_secrets(log_format: str) -> None:
    out = logged(log_format, secrets=(HOSTILE,))

    def fail() -> None:
        unknown_secret = "local" + "marker"
        raise ValueError(f"cannot use {HOSTILE!r} ({len(unknown_secret)}): {HOSTILE}")

    try:
        fail()
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error, text=HOSTILE, shown=repr(HOSTILE))
    text = out.getvalue()
    assert "ValueError" in text
    assert "localmarker" not in text
    assert "ör" not in text
    assert "\\u00f6r" not in text
    assert "***" in text


@given(PASSWORDS, st.text(max_size=10), st.sampled_from(["json", "console"]))
def test_no_secret_is_ever_printed_however_it_is_quoted(
    password: str, around: str, log_format: str
) -> None:
    redactor = Redactor()
    redactor.add((password,))
    for text in (
        around + password,
        repr(around + password),
        repr(password + "'\""),
        json.dumps(password),
        json.dumps({"a": repr(password)}),
    ):
        assert password not in redactor.redacted(text).replace("***", "")
    out = io.StringIO()
    configure("info", log_format, redactor, out)
    structlog.get_logger().info("event", told=f"({password})")
    if log_format == "json" and set(password).isdisjoint('{}":, *'):
        assert json.loads(out.getvalue())["told"] == "(***)"


def test_of_two_secrets_the_longer_is_blotted_out_whole() -> None:
    redactor = Redactor()
    redactor.add(("secret",))
    redactor.add(("secretive",))
    assert redactor.redacted("a secretive secret") == "a *** ***"


def test_a_password_too_short_to_hide_leaves_the_lines_readable() -> None:
    redactor = Redactor()
    redactor.add(("a", "of"))
    assert redactor.redacted("a line of text") == "a line of text"


class _Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    configure("info", "json", Redactor(), _Full())
    structlog.get_logger().info("lost")
    closed = io.StringIO()
    configure("info", "console", Redactor(), closed)
    closed.close()
    structlog.get_logger().info("lost")


def test_standard_output_takes_text_that_is_not_unicode(capfd: pytest.CaptureFixture[str]) -> None:
    configure("info", "console", Redactor())
    structlog.get_logger().info("event", name="a\udcffb")
    structlog.get_logger().info("\udcff")
    assert "event" in capfd.readouterr().out


def test_an_error_that_ends_a_thread_is_logged_without_secrets() -> None:
    out = logged(secrets=("hunter22",))
    catch_unhandled()

    def fail() -> None:
        raise RuntimeError("hunter22 is wrong")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "exporter.crashed" in out.getvalue()
    assert "RuntimeError" in out.getvalue()
    assert "hunter22" not in out.getvalue()


def test_an_error_that_ends_the_process_is_logged_without_secrets() -> None:
    out = logged(secrets=("hunter22",))
    catch_unhandled()
    sys.excepthook(RuntimeError, RuntimeError("hunter22 is wrong"), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert out.getvalue().count("exporter.crashed") == 1
    assert "hunter22" not in out.getvalue()


def test_libraries_do_not_log_past_the_redactor(capfd: pytest.CaptureFixture[str]) -> None:
    out = logged(secrets=("hunter22",))
    logging.getLogger("some.library").error("connecting with hunter22")
    captured = capfd.readouterr()
    assert "hunter22" not in captured.err + captured.out + out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:pw@h/d", "postgresql://u:***@h/d"),
        ("postgresql:/u:pw@h/d", "postgresql:***@h/d"),
        ("u:p/w:x@h/d", "u:***@h/d"),
        ("x://u://pw@h", "x://u:***@h"),
        ('{"at": "2026-11-22T22:40:04Z", "mail": "a@b"}',) * 2,
    ],
)
def test_what_looks_like_credentials_is_blotted_out_wherever_it_stands(text, shown):
    assert Redactor().redacted(text) == shown
