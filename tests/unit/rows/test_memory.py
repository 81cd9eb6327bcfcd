"""The account through a ledger and back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from exporter.rows.account import Account
from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.memory import compare_accounts, restored_account
from exporter.rows.settlement import Memory, Settled, Waiting
from exporter.rows.stages import Place
from exporter.rows.tasks import Known
from exporter.rows.timed import Timed
from exporter.rows.window import Slot
from exporter.samples import Changes, EntryKey

_NAMES = st.text(max_size=3)
_AMOUNTS = st.integers(0, 2**53)
_SECONDS = st.floats(0, 1e9)
_CLAIMS = st.builds(
    Claim,
    st.sampled_from(Source),
    st.none() | _NAMES,
    st.none() | _NAMES,
    st.none() | _AMOUNTS,
    st.none() | _AMOUNTS,
    st.none() | _SECONDS,
)
_IDS = st.builds(TryId, _NAMES, _NAMES, _NAMES, st.integers(-1, 3), st.integers(0, 3))
_STARTS = st.datetimes(timezones=st.just(timezone.utc))
_WAITING = st.builds(
    Waiting,
    st.just("success"),
    st.none() | _SECONDS,
    _SECONDS,
    start=st.none() | _STARTS,
    told=st.none() | st.lists(_CLAIMS, max_size=2).map(tuple),
)
_SETTLED = st.builds(
    Settled,
    st.just("failed"),
    st.none() | _SECONDS,
    _SECONDS,
    st.lists(_CLAIMS, max_size=2).map(tuple),
)
_KNOWN = st.builds(
    Known, st.builds(Place, _NAMES, _NAMES), _SECONDS, st.booleans(), st.booleans(), st.booleans()
)
_ACCOUNTS = st.builds(
    Account,
    st.builds(
        Memory,
        st.dictionaries(_IDS, _WAITING, max_size=3),
        st.dictionaries(_IDS, _SETTLED, max_size=3),
    ),
    st.dictionaries(
        st.tuples(_NAMES, _NAMES), st.lists(_KNOWN, min_size=1, max_size=2).map(tuple), max_size=3
    ),
    st.dictionaries(
        st.builds(Slot, st.integers(0, 9), _NAMES, _NAMES),
        st.builds(Timed, _AMOUNTS, _SECONDS, _AMOUNTS, _SECONDS),
        max_size=3,
    ),
)


def applied(entries: dict[EntryKey, str], before: Account, after: Account) -> dict[EntryKey, str]:
    changes = Changes()
    compare_accounts(changes, before, after)
    found = {**entries, **changes.put}
    for key in changes.drop:
        del found[key]
    return found


@given(st.lists(_ACCOUNTS, min_size=1, max_size=3))
def test_what_changed_from_account_to_account_restores_the_last(accounts: list[Account]) -> None:
    entries: dict[EntryKey, str] = {}
    for before, after in zip([Account(), *accounts], accounts, strict=False):
        entries = applied(entries, before, after)
    assert restored_account(entries) == accounts[-1]
    assert all(json.loads(value) for value in entries.values())


def test_a_file_has_no_order_and_what_is_restored_is_in_that_of_time() -> None:
    def on(number: int) -> TryId:
        return TryId("d", "t", "r", -1, number)

    settled = {on(number): Settled("success", 1.0, 9.0 - number) for number in range(3)}
    tasks = {("d", str(number)): (Known(Place("p", "s"), 9.0 - number),) for number in range(3)}
    found = restored_account(applied({}, Account(), Account(Memory(settled=settled), tasks)))
    assert list(found.tries.settled) == [on(2), on(1), on(0)]
    assert list(found.tasks) == [("d", "2"), ("d", "1"), ("d", "0")]


def test_a_start_keeps_its_last_microsecond() -> None:
    start = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=1)
    before = Account(Memory({TryId("d", "t", "r", -1, 1): Waiting("success", 1.0, 2.0, start)}))
    assert restored_account(applied({}, Account(), before)) == before
