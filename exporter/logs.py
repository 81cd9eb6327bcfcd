"""Logging: structlog to standard output, without secrets and without locals in tracebacks."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from html import escape
from types import TracebackType
from typing import Any, TextIO, cast

import structlog

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("console", "json")
_SHORTEST_SECRET = 3
"""A shorter password would blot out half of every line."""


_CREDENTIALS = re.compile(r"(?<=:)(?!//[^\s:@]*:)[^\s@'\"]{1,1000}@")
"""What stands between a colon and an at sign, as in `user:password@host`."""


class Redactor:
    """The last step of every log line: known secrets become `***`."""

    def __init__(self) -> None:
        """Know no secret yet."""
        self._secrets: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, secrets: Iterable[str]) -> None:
        """Learn secrets, before they are used for anything."""
        with self._lock:
            known = {
                spelling
                for secret in secrets
                if len(secret) >= _SHORTEST_SECRET
                for spelling in _spellings(secret)
            }
            # Longest first, so that no tail of a longer one stays behind.
            self._secrets = tuple(sorted({*self._secrets, *known}, key=len, reverse=True))

    def redacted(self, text: str) -> str:
        """Return the text with every known secret blotted out."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        # An address that was put where none belongs has never been parsed.
        return _CREDENTIALS.sub("***@", text)


def _spellings(secret: str) -> set[str]:
    """Return what a secret looks like as it is, in HTML, and in JSON or a `repr`, twice over."""
    found = {secret}
    for _ in range(2):
        for each in list(found):
            inside_repr = repr(each + "'\"")[1:-4]
            found |= {inside_repr, inside_repr.replace("\\'", "'")}
            found |= {json.dumps(each)[1:-1], json.dumps(each, ensure_ascii=False)[1:-1]}
    return {*found, escape(secret)}


def configure(
    level: str, log_format: str | None, redactor: Redactor, stream: TextIO | None = None
) -> None:
    """Set structlog up; without a format it is JSON, except on a terminal."""
    out = stream or _standard_output()
    chosen = log_format or ("console" if out.isatty() else "json")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_json() if chosen == "json" else _console(colors=out.isatty())),
            lambda _logger, _name, line: redactor.redacted(str(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Unfailing(out))),
        cache_logger_on_first_use=False,
    )
    # Libraries must not write past the redactor.
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())
    logging.raiseExceptions = False


def catch_unhandled() -> None:
    """Log what ends the process or one of its threads: Python's own way knows no redaction."""

    def caught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, Exception):
            log = structlog.get_logger("exporter")
            log.error("exporter.crashed", exc_info=(kind, error, trace))

    def caught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            caught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    sys.excepthook = caught
    threading.excepthook = caught_in_thread


class _Unfailing(io.TextIOBase):
    """A stream whose reader may go away or whose disk may fill: logging must end nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _standard_output() -> TextIO:
    """Return standard output without a buffer: a line that cannot be written is not kept."""
    try:
        raw = io.FileIO(sys.stdout.fileno(), "w", closefd=False)
    except (AttributeError, OSError, ValueError):
        return sys.stdout
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)


Processor = Callable[[Any, str, MutableMapping[str, Any]], Any]


def _json() -> list[Processor]:
    # structlog's own default shows locals: that once printed a database password.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
    )
    return [tracebacks, structlog.processors.JSONRenderer()]


def _console(*, colors: bool) -> list[Processor]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback
    )
    return [renderer]
