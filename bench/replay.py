"""Several ways to scale on a month that was held back: `python -m bench.replay [--seeds N]`.

Synthetic: DAGs that run every hour or day, each with a first wave of tasks and a second one after
it, and runs that somebody starts by hand, which no schedule promises. Three weeks are learned from,
the fourth is replayed.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from statistics import fmean

from exporter.insight.autoscale import Policy as Settings
from exporter.insight.performance.past import PastTry
from exporter.insight.performance.quantiles import quantile
from exporter.insight.replay.fleet import Outcome, Terms, replayed
from exporter.insight.replay.learning import Learning, ScheduledRun
from exporter.insight.replay.policies import policies

DAY = 86_400.0
WEEKS = 4
BEGIN = 1_767_571_200.0  # A Monday.
BY_HAND = -1
KINDS = {"long tasks (mean 120 s)": 120.0, "short tasks (mean 20 s)": 20.0}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    for kind, seconds in KINDS.items():
        outcomes = [_week(random.Random(seed), seconds) for seed in range(seeds)]
        print(f"{kind}, {seeds} seeds, a week each")
        print(f"  {'':<24}{'worker-hours':>14}{'mean wait s':>14}{'p95 wait s':>14}")
        for name in outcomes[0]:
            found = [each[name] for each in outcomes]
            hours = sum(each.worker_seconds for each in found) / 3600 / seeds
            mean = sum(fmean(each.waits) for each in found) / seeds
            p95 = sum(quantile(each.waits, 0.95) for each in found) / seeds
            print(f"  {name:<24}{hours:>14,.1f}{mean:>14,.1f}{p95:>14,.1f}")


def _week(chance: random.Random, seconds: float) -> dict[str, Outcome]:
    settings, split = Settings(), BEGIN + 7 * DAY * (WEEKS - 1)
    learning = Learning(split, split + 7 * DAY, settings.boot_seconds)
    for run, tries in _month(chance, seconds):
        learning.add([run], tries)
    load = learning.queues["default"]
    arrivals = sorted(load.arrivals)
    terms = Terms(settings.concurrency, settings.boot_seconds, load.duration_seconds or 300.0)
    return {
        name: replayed(arrivals, split, split + 7 * DAY, policy, terms)
        for name, policy in policies(settings, 1, learning.due("default")).items()
    }


def _month(chance: random.Random, seconds: float) -> Iterator[tuple[ScheduledRun, list[PastTry]]]:
    """Yield runs by when they are due, with their tries."""
    schedule = []
    for dag in range(40):
        every = 3600.0 if dag % 2 else DAY
        # Most teams say "on the hour", some say something else.
        phase = 0.0 if dag % 4 else chance.randrange(0, 60) * 60.0
        phase += 0.0 if dag % 2 else chance.randrange(24) * 3600.0
        width = chance.choice((2, 4, 8, 40 if dag % 5 == 0 else 12))
        moments = int(WEEKS * 7 * DAY / every)
        schedule += [(BEGIN + phase + number * every, dag, width) for number in range(moments)]
    by_hand = WEEKS * 7 * 24
    schedule += [
        (BEGIN + chance.uniform(0, WEEKS * 7 * DAY), BY_HAND, chance.choice((1, 5, 20)))
        for _ in range(by_hand)
    ]
    for due, dag, width in sorted(schedule):
        begun = due + chance.uniform(1, 6)
        names = f"dag{dag}", f"{due}"
        tries = [
            _try(names, begun + wave * seconds * 1.5 + chance.uniform(0.5, 3), chance, seconds)
            for wave, size in enumerate((width, max(1, width // 2)))
            for _ in range(max(1, round(size * chance.lognormvariate(0, 0.15))))
        ]
        yield ScheduledRun(*names, None if dag == BY_HAND else due, begun), tries


def _try(names: tuple[str, str], at: float, chance: random.Random, seconds: float) -> PastTry:
    took = seconds * chance.lognormvariate(-0.18, 0.6)
    return PastTry(
        names[0], "t", names[1], -1, "success", at, at + took, None, at, "default", "p", 1
    )


if __name__ == "__main__":
    main()
