"""The handing over of a try's totals to a long-lived exporter: this pod ends with its task."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import structlog

from exporter.errors import SourceUnavailableError
from exporter.identity.endpoint import authorization, endpoint, trusting
from exporter.identity.exchange import Request, exchange
from exporter.model import Task

ENDPOINT_PATH = "/ingest/v1/rows"
MAX_QUEUED = 1000
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
_STOP_SECONDS = 0.1

Outcome = Literal["sent", "failed", "dropped"]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a try has used from its start to its end; None is unknown and is not sent."""

    task: Task
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    state: str | None = None
    source: str = "sidecar"


@dataclass(frozen=True, slots=True)
class _Message:
    body: bytes
    give_up_at: float
    """On the monotonic clock; one attempt is made even later."""


class Forwarder:
    """A queue of totals and the thread that posts them to another exporter.

    Each is posted until it is acknowledged (2xx: `sent`), refused (a 3xx or 4xx other than 429:
    `dropped`) or its budget is over (`failed`). What a full queue pushes out and what is still
    waiting at the end is `dropped` too.
    """

    def __init__(
        self,
        url: str,
        *,
        token_file: Path | None = None,
        ca_file: Path | None = None,
        timeout_seconds: float = 5.0,
        budget_seconds: float = 300.0,
        jitter: Callable[[], float] = random.random,
        origin: str = "--forward.url",
    ) -> None:
        """Check what is given; raise ConfigError naming `origin`. Nothing is sent yet."""
        self._endpoint = endpoint(url, origin)
        if self._endpoint.target == "/":
            self._endpoint = replace(self._endpoint, target=ENDPOINT_PATH)
        self._context = trusting(ca_file)
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds
        self._budget_seconds = budget_seconds
        self._jitter = jitter
        self._log = structlog.get_logger("exporter.forward", to=str(self._endpoint))
        self._queue: deque[_Message] = deque()
        self._counts: dict[Outcome, int] = {"sent": 0, "failed": 0, "dropped": 0}
        self._told: set[str] = set()
        self._busy = False
        self._flushes = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="forward", daemon=True)

    @property
    def sent(self) -> int:
        """Totals that were acknowledged."""
        return self._counts["sent"]

    @property
    def failed(self) -> int:
        """Totals that were tried until their budget was over."""
        return self._counts["failed"]

    @property
    def dropped(self) -> int:
        """Totals that were refused, pushed out of the full queue, or left over at the end."""
        return self._counts["dropped"]

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def send(self, totals: Totals) -> None:
        """Queue the totals and return at once."""
        message = _Message(_payload(totals), time.monotonic() + self._budget_seconds)
        with self._changed:
            if self._stopped:
                self._counts["dropped"] += 1
                return
            if len(self._queue) >= MAX_QUEUED:
                self._queue.popleft()
                self._counts["dropped"] += 1
            self._queue.append(message)
            self._changed.notify_all()

    def flush(self, deadline_seconds: float) -> bool:
        """Wait until nothing is left to send, retrying sooner; tell whether that was in time."""
        with self._changed:
            self._flushes += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(self._is_idle, deadline_seconds)
            finally:
                self._flushes -= 1

    def stop(self) -> None:
        """Send nothing more; an attempt under way is not waited for."""
        with self._changed:
            left = len(self._queue) + self._busy
            self._stopped = True
            self._counts["dropped"] += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        if left:
            self._log.warning("forward.left_over", totals=left)
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _is_idle(self) -> bool:
        return not self._queue and not self._busy

    def _run(self) -> None:
        while (message := self._next()) is not None:
            outcome = self._outcome(message)
            with self._changed:
                self._counts[outcome] += 1
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> _Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopped)
            if self._stopped:
                return None
            self._busy = True
            return self._queue.popleft()

    def _outcome(self, message: _Message) -> Outcome:
        for attempt in itertools.count():
            if (outcome := self._attempted(message)) is not None:
                return outcome
            left = message.give_up_at - time.monotonic()
            if left <= 0:
                return "failed"
            self._pause(min(self._pause_seconds(attempt), left))
            if self._stopped:
                break
        return "dropped"

    def _attempted(self, message: _Message) -> Outcome | None:
        """Post once; return None where another attempt may help."""
        try:
            headers = authorization(self._endpoint, self._token_file)
            headers["Content-Type"] = "application/json"
            request = Request("POST", self._endpoint.target, headers, message.body)
            status, _ = exchange(
                self._endpoint,
                request,
                context=self._context,
                timeout_seconds=self._timeout_seconds,
            )
        except SourceUnavailableError as error:
            self._tell("forward.failing", str(error))
            return None
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            self._told.clear()
            return "sent"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            self._tell("forward.failing", f"{self._endpoint} answered {status}")
            return None
        self._tell("forward.refused", f"{self._endpoint} answered {status}: totals are dropped")
        return "dropped"

    def _pause_seconds(self, attempt: int) -> float:
        doubled = FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 16)
        return min(doubled, LONGEST_PAUSE_SECONDS) * (1 + self._jitter()) / 2

    def _pause(self, seconds: float) -> None:
        """Wait; who flushes has little time, so that ends a pause and keeps the next short."""
        with self._changed:
            flushes = self._flushes
            longest = FIRST_PAUSE_SECONDS if flushes else seconds
            self._changed.wait_for(
                lambda: self._stopped or self._flushes > flushes, min(seconds, longest)
            )

    def _tell(self, event: str, sentence: str) -> None:
        """Log a sentence once, until something is acknowledged again."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._log.warning(event, error=sentence)


def _payload(totals: Totals) -> bytes:
    """Return the JSON of an ingest request; `id` is the same in each attempt to send it."""
    told = asdict(totals)
    told = {"id": uuid.uuid4().hex, **told.pop("task"), **told}
    known = {key: value for key, value in told.items() if value is not None}
    return json.dumps(known, allow_nan=False).encode()
