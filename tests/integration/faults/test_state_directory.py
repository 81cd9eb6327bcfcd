"""The state directory is full, read-only or corrupt: counting goes on, and it is told."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from exporter import catalogue
from exporter.demo import schema
from exporter.samples import Batch, Checkpoint, Sample
from exporter.telemetry.ledger import RETRY_SECONDS, Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.integration.faults.watched import RECOVERY_SECONDS, Watched
from tests.support.clock import HandClock
from tests.support.exporter import ROOT

RETRY_SOON_SECONDS = 3.0


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the DSN of a SQLite database with Airflow's tables."""
    path = tmp_path_factory.mktemp("airflow") / "airflow.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    schema.create(engine, "3.3")
    engine.dispose()
    return f"sqlite:///{path}"


def contents(state: Path) -> dict[str, int]:
    """Return how many rows each table of the ledger has; raise for a corrupt file."""
    with closing(sqlite3.connect(state / "ledger.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("total", "entry")
        }


def test_on_a_full_disk_counting_goes_on_and_is_written_once_there_is_room(
    database: str, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    # Imported by Python itself before the daemon: half a minute is long for a test.
    (tmp_path / "sitecustomize.py").write_text(
        f"from exporter.telemetry import ledger\nledger.RETRY_SECONDS = {RETRY_SOON_SECONDS}\n"
    )
    path = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with Watched(tmp_path, database, "--state.path", str(state), environment=path) as daemon:
        daemon.until(lambda now: now.success == 1 and now.persistent == 1)
        process = psutil.Process(daemon.process.pid)
        # A limit on the size of files stands for the full disk: every user may set it.
        _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        room = (state / "ledger.sqlite-wal").stat().st_size + 4096
        process.rlimit(psutil.RLIMIT_FSIZE, (room, hard))
        daemon.successes.clear()
        daemon.until(lambda now: now.persistent == 0)
        daemon.until_good()
        process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
        daemon.until_good()
        assert daemon.log().count("ledger.unavailable") == 1
        daemon.until(lambda now: now.persistent == 1, RETRY_SOON_SECONDS + RECOVERY_SECONDS)
        assert daemon.log().count("ledger.recovered") == 1
        assert daemon.successes == {1.0}
    assert contents(state)["entry"] > 0


@pytest.mark.parametrize("where", ["below-a-file", "in-proc", "on-a-full-device"])
def test_where_nothing_can_be_written_everything_is_kept_in_memory(
    where: str, database: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file, not a directory")
    (tmp_path / "full").mkdir()
    # The device that is always full, for root as for everybody.
    (tmp_path / "full" / "ledger.sqlite").symlink_to("/dev/full")
    state = {
        "below-a-file": tmp_path / "file" / "state",
        "in-proc": Path("/proc/self/state"),
        "on-a-full-device": tmp_path / "full",
    }[where]
    with Watched(tmp_path, database, "--state.path", str(state)) as daemon:
        scrape = daemon.until_good()
        assert scrape.persistent == 0
        assert daemon.log().count("ledger.unavailable") == 1
        assert "after a restart they begin at 0" in daemon.log()
        assert str(state) in daemon.log()
        daemon.until_good()
        assert daemon.log().count("ledger.unavailable") == 1


@pytest.mark.parametrize("how", ["garbage", "half", "foreign"])
def test_a_corrupt_ledger_is_set_aside_and_a_new_one_begun(
    how: str, database: str, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with Watched(tmp_path, database, "--state.path", str(state)) as daemon:
        daemon.until(lambda now: now.success == 1 and now.persistent == 1)
    file = state / "ledger.sqlite"
    if how == "foreign":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("ALTER TABLE total RENAME TO something_else")
    else:
        good = file.read_bytes()
        file.write_bytes(good[: len(good) // 2] if how == "half" else b"\x00\xffgarbage" * 5000)
    broken = file.read_bytes()
    with Watched(tmp_path, database, "--state.path", str(state)) as daemon:
        scrape = daemon.until_good()
        assert scrape.persistent == 1
        assert daemon.log().count("ledger.corrupt") == 1
        kept = (state / "ledger.sqlite.corrupt-1").read_bytes()
        assert b"something_else" in kept if how == "foreign" else kept == broken
    assert contents(state)["entry"] > 0


def test_what_is_in_memory_goes_into_the_ledger_that_replaces_a_corrupt_one(tmp_path: Path) -> None:
    time = HandClock()
    state = tmp_path / "state"
    state.write_text("in the way")
    ledger = Ledger(state, time.clock)
    store = Store(catalogue.FAMILIES, Limits(0.0), ledger, time.clock)
    wasted = [Sample(catalogue.TASK_WASTED, ("d", "t"), 5.0)]
    checkpoint = Checkpoint({}, (), lambda: {("s", "k"): "v"})
    store.put("c", Batch(increments=wasted, checkpoint=checkpoint))
    state.unlink()
    state.mkdir()
    (state / "ledger.sqlite").write_bytes(b"garbage" * 1000)
    time.pass_seconds(RETRY_SECONDS + 1)
    store.put("c", Batch())
    assert store.persistent
    store.close()
    ledger = Ledger(state, time.clock)
    again = Store(catalogue.FAMILIES, Limits(0.0), ledger, time.clock)
    assert again.children(catalogue.TASK_WASTED) == {("d", "t"): (5.0, ())}
    assert again.checkpoint("c") == {("s", "k"): "v"}
    again.close()
