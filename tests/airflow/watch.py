"""The exporter's scrapes over time, and which of them the database's history cannot explain."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from threading import Event, Thread

from tests.airflow.history import History, Tables
from tests.airflow.truth import AGES, LASTING, Samples
from tests.support.exporter import ExporterProcess

Scrape = tuple[float, Samples]
Key = tuple[str, frozenset[tuple[str, str]]]
_PAUSE_SECONDS = 0.5


class Watch:
    """Scrapes an exporter twice a second from a thread, until stopped."""

    def __init__(self, exporter: ExporterProcess) -> None:
        """Begin to scrape."""
        self.scrapes: list[Scrape] = []
        self._exporter = exporter
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Scrape no more; raise when a scrape has failed, which ends the thread."""
        if not self._thread.is_alive():
            raise RuntimeError("a scrape has failed")
        self._stopped.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stopped.wait(_PAUSE_SECONDS):
            samples = self._exporter.families()
            self.scrapes.append((time.time(), samples))


class Timeline:
    """What one family should have been at every moment."""

    def __init__(self, of: Callable[[Tables], Samples], history: History) -> None:
        """Compute the family after every change of the tables."""
        self._states: list[Scrape] = []
        for tables in history.moments():
            samples = self._lasting(of(tables))
            if not self._states or samples != self._states[-1][1]:
                self._states.append((tables.moment, samples))

    def _lasting(self, samples: Samples) -> Samples:
        """Keep the newest end of a run that was cleared: its row forgets it, the DAG did end."""
        before = self._states[-1][1] if self._states else {}
        kept = {key: value for key, value in before.items() if key[0] in LASTING}
        newer = {key: max(value, kept.get(key, value)) for key, value in samples.items()}
        return {**kept, **newer} if kept else samples

    def between(self, first: float, last: float) -> list[Scrape]:
        """Return the states that held at some moment of a span, each with when it began."""
        starts = [moment for moment, _ in self._states]
        at = max(0, sum(moment <= first for moment in starts) - 1)
        return [state for state in self._states[at:] if state[0] <= last]


def unexplained(
    scrape: Scrape, states: list[Scrape], since: float, names: Iterable[str]
) -> list[str]:
    """Return a line for each value of a scrape that the database never had since a moment.

    An absent value is as good as 0. An age may have been read at any moment of the span.
    """
    moment, ours = scrape
    allowed: dict[Key, set[float]] = defaultdict(set)
    spans: dict[Key, list[float]] = defaultdict(list)
    wanted = set(names)
    keys = {key for key in ours if key[0] in wanted} | {key for _, state in states for key in state}
    for began, state in states:
        for key in keys:
            value = state.get(key, 0.0)
            allowed[key].add(value)
            spans[key].append(value)
            if key[0] in AGES and key in state:
                # From what it was when this state began to what it is at the scrape.
                spans[key] += [value + max(0.0, since - began), value + moment - began]
    return [
        f"{_text(key)} at {moment:.1f}: ours {ours.get(key, 0.0)}, true {sorted(allowed[key])}"
        for key in sorted(keys, key=str)
        if not _explained(key, ours.get(key, 0.0), allowed[key], spans[key])
    ]


def _explained(key: Key, value: float, allowed: set[float], span: list[float]) -> bool:
    if key[0] in AGES:
        return min(span) - 0.5 <= value <= max(span) + 0.5
    return any(math.isclose(value, each, rel_tol=1e-12, abs_tol=1e-3) for each in allowed)


def differences(ours: Samples, true: Samples, *, zeros: bool) -> list[str]:
    """Return a line for each value that is not the same; `zeros` lets ours have extra zeros."""
    lines = []
    for key in sorted(ours.keys() | true.keys(), key=str):
        mine, right = ours.get(key), true.get(key)
        if mine is not None and right is not None:
            same = mine == right or math.isclose(mine, right, rel_tol=1e-12, abs_tol=1e-3)
        else:
            same = zeros and right is None and mine == 0
        if not same:
            lines.append(f"{_text(key)}: ours {mine}, true {right}")
    return lines


def _text(key: Key) -> str:
    name, labels = key
    return name + "{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels)) + "}"
