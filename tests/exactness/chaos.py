"""The chaos: kills the exporter and stops PostgreSQL, at moments that the seed decides."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.exactness.settings import Settings
from tests.support.exporter import ExporterProcess
from tests.support.postgres import PostgresServer


class Chaos:
    """Strikes in a thread until it is stopped; leaves everything running."""

    def __init__(
        self, settings: Settings, postgres: PostgresServer, launch: Callable[[], ExporterProcess]
    ) -> None:
        """Take charge of the server and of an exporter that is launched now."""
        self._settings = settings
        self._postgres = postgres
        self._launch = launch
        self._rng = Random(f"{settings.seed}/chaos")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self.exporter = launch()
        self.figures: Counter[str] = Counter()
        self.failures: list[BaseException] = []

    def start(self) -> None:
        """Begin to strike."""
        self._thread.start()

    def stop(self) -> None:
        """Let the last blow pass."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            blows = 0
            while not self._stop.wait(self._rng.uniform(*self._settings.calm)):
                # Every kind comes early on, so that a short run has them all.
                kinds = (self._kill, self._stop_postgres, self._long_downtime)
                kind = (
                    kinds[blows] if blows < len(kinds) else self._rng.choices(kinds, (6, 3, 1))[0]
                )
                kind()
                blows += 1
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            self.failures.append(error)

    def _kill(self) -> None:
        self._kill_for(self._rng.uniform(0, 1.5))

    def _long_downtime(self) -> None:
        self.figures["downtimes longer than the overlap"] += 1
        self._kill_for(self._settings.overlap * self._rng.uniform(1.05, 1.3))

    def _kill_for(self, seconds: float) -> None:
        self.exporter.kill()
        self.figures["kills"] += 1
        self._stop.wait(seconds)
        self.exporter = self._launch()
        self.exporter.wait_ready()

    def _stop_postgres(self) -> None:
        self._postgres.stop("immediate" if self._rng.random() < 0.5 else "fast")
        self.figures["database stops"] += 1
        if self._rng.random() < 0.3:
            self.exporter.kill()
            self.figures["kills"] += 1
            self.exporter = self._launch()
        self._stop.wait(self._rng.uniform(0.2, 2.0))
        self._postgres.start_again()
