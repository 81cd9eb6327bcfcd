"""The ledger: what was counted survives, and a bad disk ends nothing."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import Family, Kind
from exporter.errors import ConfigError
from exporter.samples import Batch, Checkpoint, Sample
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.support.clock import HandClock
from tests.support.exposed import PLAIN, text

COUNTER = Family("things_total", Kind.COUNTER, "Things.", ("dag_id",))
HISTOGRAM = Family("waits_seconds", Kind.HISTOGRAM, "Waits.", ("dag_id",), buckets=(1.0, 5.0))

USER, GROUP = 4000, 3000

OPEN: list[Ledger] = []


@pytest.fixture(autouse=True)
def closed():
    """Close what a test left open: a file that is still locked would spoil the next one."""
    yield
    while OPEN:
        OPEN.pop().close()


class Life:
    """One life of a process on a state directory."""

    def __init__(self, directory, hold=0.0, time=None, families=(COUNTER, HISTOGRAM), **limits):
        self.time = time or HandClock()
        clock = self.time.clock
        self.ledger = Ledger(directory, clock)
        OPEN.append(self.ledger)
        self.store = Store(families, Limits(hold, **limits), self.ledger, clock)
        self.entries = dict(self.store.checkpoint("c"))
        self.store.exposition.body(PLAIN)
        self.store.publish()

    def count(self, dag="a", value=1.0):
        samples = [Sample(COUNTER, (dag,), value), Sample(HISTOGRAM, (dag,), value)]
        new = {("s", dag): "x"}
        self.entries.update(new)
        checkpoint = Checkpoint(new, (), self.entries.copy)
        self.store.put("c", Batch(increments=samples, checkpoint=checkpoint))
        self.store.publish()

    def die(self):
        """End as by SIGKILL: nothing is written on the way out."""
        self.ledger.close()


def test_totals_and_checkpoints_survive_a_kill(tmp_path):
    life = Life(tmp_path)
    life.count(value=2.0)
    life.die()
    again = Life(tmp_path)
    assert again.store.children(COUNTER) == {("a",): (2.0, ())}
    assert again.store.children(HISTOGRAM) == {("a",): (2.0, (0, 1, 0))}
    assert again.store.checkpoint("c") == {("s", "a"): "x"}


def test_an_entry_that_a_checkpoint_drops_and_puts_stays_and_a_dropped_one_goes(tmp_path):
    life = Life(tmp_path)
    one, other = ("s", "one"), ("s", "other")
    life.store.put("c", Batch(checkpoint=Checkpoint({one: "1", other: "1"}, (), dict)))
    life.store.put("c", Batch(checkpoint=Checkpoint({one: "2"}, (one, other), dict)))
    life.die()
    assert Life(tmp_path).store.checkpoint("c") == {one: "2"}


def test_held_observations_survive_and_are_applied_one_hold_after_the_restart(tmp_path):
    life = Life(tmp_path, hold=60.0)
    life.count()
    life.die()
    again = Life(tmp_path, hold=60.0)
    assert again.store.children(COUNTER) == {("a",): (0.0, ())}
    again.time.pass_seconds(60.0)
    again.store.advance()
    assert again.store.children(COUNTER) == {("a",): (1.0, ())}
    again.die()
    assert Life(tmp_path).store.children(COUNTER) == {("a",): (1.0, ())}


def test_restored_totals_are_published_for_one_hold_before_the_catch_up(tmp_path):
    life = Life(tmp_path)
    life.count(value=5.0)
    life.die()
    again = Life(tmp_path, hold=60.0)
    again.count(value=2.0)
    assert text(again.store).startswith(
        '# HELP things_total Things.\n# TYPE things_total counter\nthings_total{dag_id="a"} 5\n'
    )


def test_what_expired_is_gone_from_the_disk_too(tmp_path):
    life = Life(tmp_path, idle_expiry_seconds=10.0)
    life.count()
    life.time.pass_seconds(100.0)
    life.store.advance()
    life.die()
    assert Life(tmp_path).store.children(COUNTER) == {}


def test_folding_survives(tmp_path):
    life = Life(tmp_path, max_per_family=1)
    life.count("a")
    life.count("b")
    life.die()
    again = Life(tmp_path, max_per_family=1)
    again.count("b")
    assert again.store.children(COUNTER)["__other__",] == (2.0, ())


def test_a_family_whose_buckets_changed_starts_again(tmp_path):
    life = Life(tmp_path)
    life.count()
    life.die()
    other = Family("waits_seconds", Kind.HISTOGRAM, "Waits.", ("dag_id",), buckets=(1.0,))
    again = Life(tmp_path, families=(COUNTER, other))
    assert again.store.children(other) == {}
    assert again.store.children(COUNTER) == {("a",): (1.0, ())}


def test_a_new_ledger_is_for_its_owner_alone_and_one_that_is_there_keeps_its_mode(tmp_path):
    before = os.umask(0)
    try:
        Life(tmp_path).die()
    finally:
        os.umask(before)
    path = tmp_path / "ledger.sqlite"
    assert S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o660)
    Life(tmp_path).die()
    assert S_IMODE(path.stat().st_mode) == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_ledger_of_another_user_that_the_group_may_write_goes_on():
    with TemporaryDirectory() as name:
        state = Path(name)
        life = Life(state)
        life.count(value=2.0)
        life.die()
        # As Kubernetes hands a volume to the pod's `fsGroup`, after `runAsUser` has changed.
        for path, mode in ((state, 0o2770), *((each, 0o660) for each in state.iterdir())):
            os.chown(path, 0, GROUP)
            path.chmod(mode)
        os.setegid(GROUP)
        os.seteuid(USER)
        try:
            again = Life(state)
            assert again.store.persistent
            again.count(value=3.0)
            again.die()
        finally:
            os.seteuid(0)
            os.setegid(0)
        assert Life(state).store.children(COUNTER) == {("a",): (5.0, ())}
        assert not [*state.glob("*.unread-*")]


def test_another_process_on_the_same_directory_is_refused(tmp_path):
    life = Life(tmp_path)
    with pytest.raises(ConfigError, match="another exporter"):
        Ledger(tmp_path, life.time.clock)


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    Life(tmp_path).die()
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = (tmp_path / "ledger.sqlite").read_bytes()
    with pytest.raises(ConfigError, match="newer version"):
        Ledger(tmp_path, HandClock().clock)
    assert (tmp_path / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize("garbage", [b"", b"not a database at all" * 1000, b"SQLite format 3\0"])
def test_a_corrupt_file_is_set_aside_and_kept(tmp_path, garbage):
    (tmp_path / "ledger.sqlite").write_bytes(garbage)
    life = Life(tmp_path)
    assert life.ledger.persistent
    kept = [path.read_bytes() for path in tmp_path.glob("*.corrupt-*")]
    assert kept == ([garbage] if garbage else [])


def test_a_file_truncated_in_the_middle_is_set_aside(tmp_path):
    life = Life(tmp_path)
    for number in range(500):
        life.count(f"dag-{number}")
    life.die()
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = Life(tmp_path)
    assert again.ledger.persistent
    again.count()
    assert len(list(tmp_path.glob("*.corrupt-1"))) == 1


def test_without_a_usable_directory_counting_goes_on_in_memory_and_is_written_when_it_heals(
    tmp_path,
):
    directory = tmp_path / "state"
    directory.write_text("a file where the directory should be")
    life = Life(directory)
    assert not life.store.persistent
    life.count(value=3.0)
    directory.unlink()
    life.time.pass_seconds(31.0)
    life.count(value=4.0)
    assert life.store.persistent
    life.die()
    again = Life(directory)
    assert again.store.children(COUNTER) == {("a",): (7.0, ())}
    assert again.store.checkpoint("c") == {("s", "a"): "x"}


def test_a_ledger_that_could_not_be_read_at_the_start_is_set_aside_when_the_disk_heals(tmp_path):
    state = tmp_path / "state"
    life = Life(state)
    life.count(value=3.0)
    life.die()
    state.rename(tmp_path / "elsewhere")
    state.write_text("a file where the directory should be")
    life = Life(state)
    life.count(value=4.0)
    state.unlink()
    (tmp_path / "elsewhere").rename(state)
    life.time.pass_seconds(31.0)
    life.count(value=1.0)
    assert life.store.persistent
    life.die()
    again = Life(state)
    assert again.store.children(COUNTER) == {("a",): (5.0, ())}
    again.die()
    (state / "ledger.sqlite.unread-1").rename(state / "ledger.sqlite")
    assert Life(state).store.children(COUNTER) == {("a",): (3.0, ())}


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 1e6), st.booleans(), st.booleans()),
        max_size=30,
    )
)
def test_after_any_kills_the_totals_are_what_was_put(tmp_path_factory, events):
    directory = tmp_path_factory.mktemp("state")
    time = HandClock()
    life = Life(directory, hold=1.0, time=time)
    truth: dict[str, float] = {}
    for dag, value, kill, wait in events:
        life.count(dag, value)
        truth[dag] = truth.get(dag, 0.0) + value
        if wait:
            time.pass_seconds(2.0)
        if kill:
            life.die()
            life = Life(directory, hold=1.0, time=time)
    time.pass_seconds(2.0)
    life.store.advance()
    found = {labels[0]: total for labels, (total, _) in life.store.children(COUNTER).items()}
    life.die()
    assert found == pytest.approx(truth)


def natives(store):
    """Return what the native buckets of every child hold."""
    table = store._tables[HISTOGRAM.name]
    return {child.labels: child.native.saved() for child in table}


def test_native_buckets_and_start_times_survive_and_held_ones_as_well(tmp_path):
    life = Life(tmp_path, hold=60.0)
    life.count(value=2.0)
    life.time.pass_seconds(60.0)
    life.count(value=3.0)
    created = [child.created for child in life.store._tables[HISTOGRAM.name]]
    life.count("b", value=4.0)
    life.die()
    again = Life(tmp_path, hold=60.0, time=life.time)
    assert [child.created for child in again.store._tables[HISTOGRAM.name]][:1] == created
    again.time.pass_seconds(60.0)
    again.store.advance()
    assert natives(again.store) == {
        ("a",): [3, 0, [8, 13], [1, 1]],
        ("b",): [3, 0, [16], [1]],
    }


FORMER = """
CREATE TABLE total (
    family TEXT NOT NULL, labels TEXT NOT NULL,
    amount TEXT NOT NULL, pending TEXT, touched REAL NOT NULL,
    PRIMARY KEY (family, labels)) WITHOUT ROWID;
CREATE TABLE entry (
    collector TEXT NOT NULL, section TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (collector, section, key)) WITHOUT ROWID;
CREATE TABLE folding (family TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO total VALUES ('things_total', '["a"]', '[5.0]', NULL, 1700000000.0);
INSERT INTO total VALUES
    ('waits_seconds', '["a"]', '[7.0, 1, 2, 0]', '[9.0, 0, 0, 1]', 1700000000.0);
INSERT INTO entry VALUES ('c', 's', 'a', 'x');
PRAGMA user_version=1;
"""


def test_a_ledger_of_the_former_version_is_taken_over(tmp_path):
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.executescript(FORMER)
    connection.close()
    life = Life(tmp_path)
    life.store.advance()
    assert life.store.children(COUNTER) == {("a",): (5.0, ())}
    assert life.store.children(HISTOGRAM) == {("a",): (16.0, (1, 2, 1))}
    assert life.entries == {("s", "a"): "x"}
    (native,) = natives(life.store).values()
    assert sum(native[3]) == 4, "what was counted without exact values stays counted"
    life.count(value=1.0)
    life.die()
    again = Life(tmp_path)
    assert again.store.children(COUNTER) == {("a",): (6.0, ())}
    assert [child.created for child in again.store._tables[COUNTER.name]] == [None]


@pytest.mark.parametrize("native", ["[3, 0, [8], [7]]", None])
def test_native_buckets_that_do_not_add_up_are_made_of_the_classic_ones(tmp_path, native):
    life = Life(tmp_path)
    life.count(value=2.0)
    life.die()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("UPDATE total SET native = ? WHERE family = 'waits_seconds'", (native,))
    connection.close()
    assert natives(Life(tmp_path).store) == {("a",): [3, 0, [10], [1]]}
