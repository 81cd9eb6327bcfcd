"""One run of the harness: a database, an exporter, writers, chaos, and the comparison."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from exporter.demo import schema
from tests.exactness import past, tables
from tests.exactness.chaos import Chaos
from tests.exactness.compare import Result, compared
from tests.exactness.mutations import SMALL_PAGES
from tests.exactness.observer import Observer
from tests.exactness.settings import Settings
from tests.exactness.writers import Life, World, Writer
from tests.support.child import Child
from tests.support.exporter import ROOT, ExporterProcess
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer

_SETTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run has shown."""

    settings: Settings
    result: Result
    errors: list[str]
    """What the observer saw counters do that they may not."""
    figures: dict[str, int]
    seconds: float

    @property
    def right(self) -> bool:
        """Tell whether everything was counted once and no counter misbehaved."""
        return not self.result.differences and not self.errors

    def __str__(self) -> str:
        """Say it in one paragraph, differences below."""
        figures = ", ".join(f"{number} {what}" for what, number in self.figures.items())
        head = (
            f"Airflow {self.settings.schema}, seed {self.settings.seed}: "
            f"{self.result.tries} tries, {self.result.missed} missed, {self.result.extra} in "
            f"excess, {len(self.result.differences) + len(self.errors)} lines of differences; "
            f"{figures}; {self.seconds:.0f} s"
        )
        return "\n".join([head, *self.errors, *self.result.differences])


class MutatedExporter(ExporterProcess):
    """The daemon with one counting rule broken, to see that the harness notices."""

    def __init__(self, directory: Path, *arguments: str, port: int, mutation: str) -> None:
        """Start it like the real one, through the launcher that breaks the rule."""
        self.port = port
        listen = ["--web.listen-address", f"127.0.0.1:{port}"]
        launcher = [sys.executable, "-m", "tests.exactness.mutations", mutation]
        self._child = Child.start(
            [*launcher, "serve", *listen, *arguments],
            log=directory / f"exporter-{port}.log",
            environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)},
        )


def run(settings: Settings, mutation: str | None = None) -> Report:
    """Do one run in a temporary directory; `mutation` names a rule to break."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="exactness-") as name, _postgres(settings) as postgres:
        directory = Path(name)
        dsn = postgres.dsn("airflow")
        world = World(settings, dsn, lambda _: False)
        numbers = count()
        lives = past.lived(world, numbers)
        chaos = Chaos(settings, postgres, _launcher(settings, directory, dsn, mutation))
        observer = Observer(lambda: chaos.exporter.scrape(), settings.hold)  # noqa: PLW0108 - it is another one after a kill
        world.seen_since = observer.seen_since
        try:
            chaos.exporter.wait_ready()
            # A worker's clock may be behind: what starts from now on starts after the first look.
            time.sleep(settings.skew)
            observer.start()
            writers = _written(world, chaos, lives, numbers)
            result = _settled(world, chaos, observer)
            observer.stop()
        finally:
            chaos.exporter.kill()
    figures = _figures(world, chaos, observer, writers)
    return Report(settings, result, observer.errors, figures, time.monotonic() - began)


@contextmanager
def _postgres(settings: Settings) -> Iterator[PostgresServer]:
    server = PostgresServer.start()
    try:
        server.create_database("airflow")
        url = server.dsn("airflow").replace("postgresql://", "postgresql+psycopg://")
        engine = sa.create_engine(url)
        schema.create(engine, settings.schema)
        engine.dispose()
        with server.connect("airflow") as connection:
            tables.prepare(connection)
        yield server
    finally:
        server.close()


def _launcher(
    settings: Settings, directory: Path, dsn: str, mutation: str | None
) -> Callable[[], ExporterProcess]:
    port = free_port()
    dsn_file = directory / "dsn"
    dsn_file.write_text(dsn)
    arguments = [
        "--airflow.dsn-file", str(dsn_file),
        "--airflow.overlap", f"{settings.overlap:g}s",
        "--collector.airflow.interval", f"{settings.interval * 1000:g}ms",
        "--series.hold", f"{settings.hold:g}s",
        "--state.path", str(directory / "state"),
    ]  # fmt: skip

    def launch() -> ExporterProcess:
        name = mutation or (SMALL_PAGES if settings.small_pages else None)
        if name is not None:
            return MutatedExporter(directory, *arguments, port=port, mutation=name)
        return ExporterProcess(directory, *arguments, port=port)

    return launch


def _written(world: World, chaos: Chaos, lives: list[Life], numbers: Iterator[int]) -> list[Writer]:
    world.deadline = time.monotonic() + world.settings.seconds
    writers = [Writer(world, number) for number in range(world.settings.writers)]
    threads = [
        threading.Thread(
            target=writer.run,
            args=(numbers, lives[number :: len(writers)]),
            name=f"writer-{number}",
            daemon=True,
        )
        for number, writer in enumerate(writers)
    ]
    for thread in threads:
        thread.start()
    chaos.start()
    for thread in threads:
        thread.join()
    chaos.stop()
    for failure in [*world.failures, *chaos.failures]:
        raise failure
    return writers


def _settled(world: World, chaos: Chaos, observer: Observer) -> Result:
    """Wait until all is counted and nothing is held; then wait for what may come in excess."""
    settings = world.settings
    deadline = time.monotonic() + _SETTLE_SECONDS
    quiet = time.monotonic()
    chaos.exporter.wait_ready()
    while not observer.seen_since(quiet + settings.interval) and time.monotonic() < deadline:
        time.sleep(0.1)
    while True:
        time.sleep(settings.hold + 1.0)
        result = compared(world.lives, chaos.exporter.families(), observer.sampled_between)
        if not result.differences or time.monotonic() > deadline or result.extra:
            break
    time.sleep(settings.hold + 1.0)
    return compared(world.lives, chaos.exporter.families(), observer.sampled_between)


def _figures(
    world: World, chaos: Chaos, observer: Observer, writers: list[Writer]
) -> dict[str, int]:
    events = world.figures
    return {
        "retries": events["fail_for_retry"],
        "clears": events["clear"],
        "deferrals": events["defer"],
        "reschedules": events["reschedule"],
        "marks": sum(number for name, number in events.items() if name.startswith("mark_")),
        "failures before the start": events["fail_before_start"] + events["retry_before_start"],
        "resets": events["reset"],
        "purges": events["purge"],
        "late commits": sum(writer.session.late for writer in writers),
        "transactions repeated": sum(writer.session.repeated for writer in writers),
        **chaos.figures,
        "scrapes": observer.scrapes,
    }
