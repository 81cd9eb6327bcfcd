"""Exactly once: whatever is pushed, resent, late or cut short, totals are what was acknowledged."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import defaultdict
from functools import partial
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from exporter import catalogue
from exporter.catalogue import Family
from exporter.rows import settlement
from exporter.rows.account import Account, Terms, advanced
from exporter.rows.book import ClaimBook
from exporter.rows.claim import Claim, Source, TryId
from exporter.rows.memory import compare_accounts, restored_account
from exporter.rows.settlement import Waiting
from exporter.rows.stages import Placing, Rule
from exporter.samples import Batch, Changes
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.store import Store
from tests.support.clock import HandClock

TRIES = [TryId("dag", "load", "run", -1, number) for number in (1, 2)]
TERMS = Terms(Placing((Rule(task=re.compile("load")),)), settlement.Limits(grace_seconds=3.0))
CLAIMS = st.builds(
    Claim,
    st.sampled_from(Source),
    stage=st.sampled_from(["bronze", "gold"]),
    rows=st.integers(0, 1000),
)


class Exactly(RuleBasedStateMachine):
    """A collector that counts, a committer that acknowledges, clients that resend, and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="rows-"))
        self.clock = HandClock()
        self.pushed: dict[TryId, list[Claim]] = defaultdict(list)
        self.unanswered: list[tuple[TryId, Claim]] = []
        self.cut_off: list[tuple[TryId, Claim]] = []
        """Unanswered when the process was killed."""
        self.counted: dict[TryId, str] = {}
        self.to_count: dict[TryId, str] = {}
        self.winners: dict[TryId, Source | None] = {}
        self.untold = 0

    @initialize()
    def start(self) -> None:
        """Open the ledger and take over what it holds."""
        clock = self.clock.clock
        self.store = Store(
            catalogue.FAMILIES, Limits(hold_seconds=0.0), Ledger(self.directory, clock), clock
        )
        self.book = ClaimBook(self.store.checkpoint("intake"))
        self.account = restored_account(self.store.checkpoint("airflow"))

    @rule(on=st.sampled_from(TRIES), claims=st.lists(CLAIMS, min_size=1, max_size=3))
    def push(self, on: TryId, claims: list[Claim]) -> None:
        """A client pushes; until the next commit it has no answer."""
        assert self.book.put(on, claims, None, self.clock.clock.wall())
        self.pushed[on] += claims
        self.unanswered += [(on, claim) for claim in claims]

    @rule()
    def resend_everything(self) -> None:
        """Clients that do not trust their answers push all of it again."""
        for on, claims in self.pushed.items():
            for claim in reversed(claims):
                assert self.book.put(on, [claim], None, self.clock.clock.wall())

    @rule()
    def resend_unanswered(self) -> None:
        """Clients whose connection was cut push again."""
        for on, claim in self.cut_off:
            assert self.book.put(on, [claim], None, self.clock.clock.wall())
        self.unanswered += self.cut_off
        self.cut_off = []

    @rule()
    def commit(self) -> None:
        """What was pushed becomes durable, and is acknowledged."""
        self.store.put("intake", Batch(checkpoint=self.book.checkpoint()))
        self.unanswered = []

    @rule(on=st.sampled_from(TRIES), outcome=st.sampled_from(["success", "failed"]))
    def end(self, on: TryId, outcome: str) -> None:
        """A try ends; the next sample counts it."""
        if on not in self.counted:
            self.to_count[on] = outcome

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        """Let some of the grace go by."""
        self.clock.pass_seconds(seconds)

    @rule(
        killed=st.sampled_from([None, None, "before the ledger", "before the book"]),
        meanwhile=st.none() | st.tuples(st.sampled_from(TRIES), CLAIMS),
    )
    def sample(
        self, killed: str | None = None, meanwhile: tuple[TryId, Claim] | None = None
    ) -> None:
        """Count and settle, while somebody pushes, or be killed at one of the steps."""
        now = self.clock.clock.wall()
        counted = {on: Waiting(outcome, 30.0, now) for on, outcome in self.to_count.items()}
        claims = {on: self.book.of(on) for on in TRIES}
        step = advanced(self.account, counted, self.book, now, TERMS)
        if killed == "before the ledger":
            self.restart()
            return
        changes = Changes()
        compare_accounts(changes, self.account, step.account)
        checkpoint = changes.checkpoint(partial(self._entries, step.account))
        self.store.put("airflow", Batch(increments=step.increments, checkpoint=checkpoint))
        self._expect(step.account, claims)
        if meanwhile is not None:
            self.push(meanwhile[0], [meanwhile[1]])
        if killed == "before the book":
            self.restart()
            return
        self.account = step.account
        self.book.drop(step.used)

    @rule()
    def restart(self) -> None:
        """Kill the process: what is not in the ledger is gone."""
        # A kill leaves nothing to be written; closing here only frees the lock.
        self.store._ledger.close()
        self.cut_off += self.unanswered
        self.unanswered = []
        self.start()

    def teardown(self) -> None:
        """Let all that is left settle, and compare."""
        try:
            for on in TRIES:
                self.end(on, "success")
            self.resend_unanswered()
            self.commit()
            self.sample()
            self.clock.pass_seconds(4)
            self.sample()
            self.restart()
            self.sample()
            assert self._totals(catalogue.ROWS_PROCESSED) == self._truth("success")
            assert self._totals(catalogue.ROWS_FAILED_TRY) == self._truth("failed")
            assert sum(self._totals(catalogue.TRIES_ROWS_UNKNOWN).values()) == self.untold
            assert len(self.book) == 0
        finally:
            self.store.close()
            shutil.rmtree(self.directory)

    # The truth.

    def _expect(self, account: Account, claims: dict[TryId, tuple[Claim, ...]]) -> None:
        """Note who wins, by what the book held when a try settled, or later if nobody told."""
        self.counted.update(self.to_count)
        self.to_count.clear()
        for on in account.tries.settled:
            best = max((claim.source for claim in claims[on]), default=None)
            if on not in self.winners:
                self.winners[on] = best
                self.untold += best is None
            elif self.winners[on] is None:
                self.winners[on] = best

    def _truth(self, outcome: str) -> dict[str | None, float]:
        """Sum over tries the largest number that the winner ever said for each stage."""
        rows: dict[str | None, float] = defaultdict(float)
        for on, claims in self.pushed.items():
            said = [claim for claim in claims if claim.source is self.winners[on]]
            for stage in {claim.stage for claim in said} if self.counted[on] == outcome else ():
                rows[stage] += max(each.rows or 0 for each in said if each.stage == stage)
        return {stage: total for stage, total in rows.items() if total}

    def _totals(self, family: Family) -> dict[str | None, float]:
        found = self.store.children(family)
        return {labels[1]: total for labels, (total, _) in found.items() if total}

    def _entries(self, account: Account) -> dict[tuple[str, str], str]:
        changes = Changes()
        compare_accounts(changes, Account(), account)
        return changes.put


TestExactlyOnce = Exactly.TestCase
TestExactlyOnce.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
