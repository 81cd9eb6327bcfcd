"""Senders as tasks and sidecars are: they lose connections, and send again until acknowledged."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from threading import Condition, Event

TRIES = "/ingest/v1/tries"
JSON = {"Content-Type": "application/json"}


class Senders:
    """Some threads that post bodies to one port until each body is acknowledged."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        self._port = port
        self._count = count
        self._seed = seed
        self._pool = ThreadPoolExecutor(count)
        self._changed = Condition()
        self._stop = Event()
        self.acknowledged = 0
        self.sent = 0

    def start(self, bodies: Sequence[bytes]) -> list[Future[None]]:
        """Deal the bodies out, and begin."""
        hands: list[list[bytes]] = [[] for _ in range(self._count)]
        for hand, body in zip(cycle(hands), bodies, strict=False):
            hand.append(body)
        return [
            self._pool.submit(self._deliver_all, hand, random.Random(self._seed + number))
            for number, hand in enumerate(hands)
        ]

    def wait_acknowledged(self, count: int, timeout: float) -> None:
        """Wait until so many bodies were acknowledged."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.acknowledged >= count, timeout):
                raise TimeoutError(f"{self.acknowledged} of {count} in {timeout} s")

    def stop(self) -> None:
        """End, whatever is left."""
        self._stop.set()
        self._pool.shutdown()

    def _deliver_all(self, bodies: Sequence[bytes], chance: random.Random) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        for body in bodies:
            # Some are sent once more after the acknowledgement, some are cut off before it.
            for _ in range(2 if chance.random() < 0.1 else 1):
                cut = chance.random() < 0.05
                while not self._stop.is_set() and not self._delivered(connection, body, cut=cut):
                    cut = False
            with self._changed:
                self.acknowledged += 1
                self._changed.notify_all()
        connection.close()

    def _delivered(self, connection: HTTPConnection, body: bytes, *, cut: bool) -> bool:
        self.sent += 1
        try:
            connection.request("POST", TRIES, body, JSON)
            if cut:
                connection.close()
                return False
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, HTTPException):
            connection.close()
            self._stop.wait(0.2)
            return False
        if answer.status == 429:
            self._stop.wait(0.2)
            return False
        assert answer.status == 204, said
        return True
