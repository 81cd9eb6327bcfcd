"""The queue of what is to be handed over, and the thread that works it off."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from exporter.forward.receiver import Outcome, Receiver
from exporter.forward.totals import Totals, payload

MAX_QUEUED = 1000
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
_STOP_SECONDS = 0.1
_UNIDENTIFIED = (
    "a try without run_id, map_index or try_number cannot be told from others, its totals are "
    "dropped: let the downward API show the pod's annotations"
)


@dataclass(frozen=True, slots=True)
class _Message:
    body: bytes
    give_up_at: float
    """On the monotonic clock; one attempt is made even later."""


class Forwarder:
    """A queue of totals and the thread that posts them to another exporter.

    Each is posted until it is acknowledged (2xx: `sent`), refused (a 3xx or 4xx other than 429:
    `dropped`) or its budget is over (`failed`). What names no try, what a full queue pushes out and
    what is still waiting at the end is `dropped` too.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        budget_seconds: float = 300.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take who is told; nothing is sent yet."""
        self._receiver = receiver
        self._budget_seconds = budget_seconds
        self._jitter = jitter
        self._log = structlog.get_logger("exporter.forward")
        self._queue: deque[_Message] = deque()
        self._counts: dict[Outcome, int] = {"sent": 0, "failed": 0, "dropped": 0}
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
        """Totals that named no try, were refused, pushed out, or left over at the end."""
        return self._counts["dropped"]

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def send(self, totals: Totals) -> None:
        """Queue the totals and return at once; nobody could use those of an unknown try."""
        known = totals.task.names_try
        if not known:
            self._log.warning("forward.unidentified", error=_UNIDENTIFIED)
        message = _Message(payload(totals), time.monotonic() + self._budget_seconds)
        with self._changed:
            if self._stopped or not known:
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
            if (outcome := self._receiver.post(message.body)) is not None:
                return outcome
            left = message.give_up_at - time.monotonic()
            if left <= 0:
                return "failed"
            self._pause(min(self._pause_seconds(attempt), left))
            if self._stopped:
                break
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
