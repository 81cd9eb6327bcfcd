"""The accounting of trees against a simulated kernel that knows what was really used."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.collectors.tasks.account import Account, Used
from exporter.collectors.tasks.process_id import ProcessId

OUTSIDE = 1
ROOT = ProcessId(100, 0)


@dataclass(eq=False)
class Simulated:
    """A process as the kernel counts it."""

    id: ProcessId
    parent: int
    own: int = 0
    inherited: int = 0
    ended: bool = False

    @property
    def used(self):
        return Used(self.parent, self.own, self.inherited)


@dataclass
class Kernel:
    """Processes below one root; `used` is the truth, `adrift` what nobody in the tree will get."""

    used: int = 0
    processes: dict[int, Simulated] = field(default_factory=dict)
    pid: int = 100

    def fork(self, parent):
        made = Simulated(ProcessId(self.pid, self.pid), parent)
        if parent == OUTSIDE:
            made.id = ROOT
        self.processes[made.id.pid] = made
        self.pid += 1
        return made

    def burn(self, process, amount):
        process.own += amount
        self.used += amount

    def end(self, process):
        process.ended = True
        for each in list(self.processes.values()):
            if each.parent == process.id.pid:
                each.parent = OUTSIDE
                if each.ended:
                    del self.processes[each.id.pid]

    def reap(self, process):
        del self.processes[process.id.pid]
        if parent := self.processes.get(process.parent):
            parent.inherited += process.own + process.inherited


class AnyTree(RuleBasedStateMachine):
    """Processes fork, work, end and are waited for at any moment, also between two reads.

    A parent ends only when its children have: what is then counted is the truth exactly.
    """

    orphans = False

    @initialize()
    def begin(self):
        self.kernel = Kernel()
        self.kernel.fork(OUTSIDE)
        self.account = Account()
        self.counted = 0

    def choose(self, number, *, ended=False):
        those = [each for each in self.kernel.processes.values() if each.ended == ended]
        return those[number % len(those)] if those else None

    @rule(number=st.integers(0, 50))
    def fork(self, number):
        self.kernel.fork(self.choose(number).id.pid)

    @rule(number=st.integers(0, 50), amount=st.integers(1, 100))
    def burn(self, number, amount):
        self.kernel.burn(self.choose(number), amount)

    @rule(number=st.integers(0, 50))
    def end(self, number):
        process = self.choose(number)
        children = any(each.parent == process.id.pid for each in self.kernel.processes.values())
        if process.id != ROOT and (self.orphans or not children):
            self.kernel.end(process)

    @rule(number=st.integers(0, 50))
    def reap(self, number):
        process = self.choose(number, ended=True)
        if process is not None and process.parent != OUTSIDE:
            self.kernel.reap(process)

    @rule(
        happens=st.lists(
            st.tuples(st.sampled_from(["fork", "burn", "end", "reap"]), st.integers(0, 50)),
            max_size=8,
        ),
        passes=st.integers(1, 3),
    )
    def read(self, happens, passes):
        """Read parents first while things go on, then at once what has vanished meanwhile."""
        left = sorted(each.id for each in self.kernel.processes.values())
        happens = list(happens)
        for _ in range(passes):
            found = {}
            for process in left:
                if happens:
                    self.happen(*happens.pop())
                if process.pid in self.kernel.processes:
                    found[process] = self.kernel.processes[process.pid].used
            unsure = set(left) - found.keys()
            if not unsure:
                break
            left = list(found)
        self.counted += self.account.advance(found, unsure)

    def happen(self, what, number):
        if what == "burn":
            self.burn(number, number + 1)
        else:
            getattr(self, what)(number)

    @invariant()
    def never_more_than_the_truth(self):
        assert self.counted <= self.kernel.used

    def teardown(self):
        """Let everything come to its end in order: then all of it has been counted."""
        for each in sorted(self.kernel.processes.values(), key=lambda each: -each.id.pid):
            if each.id != ROOT:
                if not each.ended:
                    self.kernel.end(each)
                self.kernel.reap(each)
        for _ in range(2):
            self.read([], 3)
        self.check()

    def check(self):
        assert self.counted == self.kernel.used


class AnyTreeWithOrphans(AnyTree):
    """Parents also end before their children: what is lost is never counted twice."""

    orphans = True

    def check(self):
        assert self.counted <= self.kernel.used


AnyTree.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
AnyTreeWithOrphans.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestAnyTree = AnyTree.TestCase
TestAnyTreeWithOrphans = AnyTreeWithOrphans.TestCase

CHILD, GRANDCHILD = ProcessId(101, 1), ProcessId(102, 2)


def test_what_a_child_used_is_not_counted_again_with_its_parent():
    account = Account()
    assert account.advance({ROOT: Used(1, 5, 0), CHILD: Used(100, 7, 0)}) == 12
    assert account.advance({ROOT: Used(1, 5, 9)}) == 2


def test_a_child_that_came_and_went_unseen_is_counted_with_its_parent():
    account = Account()
    account.advance({ROOT: Used(1, 5, 0)})
    assert account.advance({ROOT: Used(1, 5, 9)}) == 9


def test_an_orphan_that_ended_takes_nothing_away_from_the_others():
    account = Account()
    account.advance({ROOT: Used(1, 5, 0), CHILD: Used(1, 70, 0)})
    assert account.advance({ROOT: Used(1, 6, 9)}) == 10


def test_a_child_that_the_parent_does_not_wait_for_does_not_hide_its_own_work():
    account = Account()
    account.advance({ROOT: Used(1, 5, 0), CHILD: Used(100, 70, 0)})
    assert account.advance({ROOT: Used(1, 25, 0)}) == 20


def test_a_grandchild_is_found_again_in_the_nearest_living_ancestor():
    account = Account()
    account.advance({ROOT: Used(1, 0, 0), CHILD: Used(100, 3, 0), GRANDCHILD: Used(101, 40, 0)})
    assert account.advance({ROOT: Used(1, 0, 44)}) == 1


def test_who_vanished_while_the_tree_was_read_is_settled_the_next_time():
    account = Account()
    account.advance({ROOT: Used(1, 0, 0), CHILD: Used(100, 7, 0)})
    assert account.advance({ROOT: Used(1, 2, 8)}, {CHILD}) == 2
    assert account.advance({ROOT: Used(1, 2, 8)}) == 1


def test_what_was_used_before_the_beginning_is_left_out():
    account = Account()
    account.begin(ROOT, Used(1, 50, 50))
    assert account.advance({ROOT: Used(1, 53, 50)}) == 3


def test_a_number_used_again_is_another_process():
    account = Account()
    account.advance({ROOT: Used(1, 0, 0), CHILD: Used(100, 7, 0)})
    again = ProcessId(CHILD.pid, 9)
    assert account.advance({ROOT: Used(1, 0, 7), again: Used(100, 4, 0)}) == 4


@pytest.mark.parametrize("parent", [101, 102])
def test_parents_in_a_circle_have_no_heir(parent):
    account = Account({CHILD: Used(102, 5, 0), GRANDCHILD: Used(parent, 5, 0)})
    assert account.advance({ROOT: Used(1, 1, 20)}) == 21
