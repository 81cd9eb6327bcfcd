"""How often rules for regressions cry wolf, and how often they see one, by simulation.

`python -m bench.regressions [--tasks N]`: durations are lognormal, 2 % of them outliers that take
five times as long; a task either did not change or takes 1.5 times as long as before.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from statistics import fmean

from exporter.insight.performance.quantiles import quantile
from exporter.insight.performance.regressions import Verdict, change

SLOWER = 1.5
CELLS = (
    # Tries of the period before and now, sigma; research figures of the last two rules.
    (7, 7, 0.2, "2.4 / 86   0.2 / 62"),
    (7, 7, 0.5, "23 / 66    0.8 / 12"),
    (28, 28, 0.2, "0 / 99     0 / 99"),
    (28, 28, 0.5, "6.9 / 82   0.7 / 66"),
    (168, 168, 0.5, "0.1 / 98   0.1 / 98"),
    # What `report` compares by default: 7 days with the 28 before.
    (28, 7, 0.2, ""),
    (28, 7, 0.5, ""),
    (672, 168, 0.5, ""),
)

Rule = Callable[[Sequence[float], Sequence[float]], bool]


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    tasks = parser.parse_args().tasks
    print(f"false alarms / detections of {SLOWER:g}x in %, {tasks} simulated tasks each")
    names = "".join(f"{name:>22}" for name in RULES)
    print(f"{'before, now, sigma':<20}{names}   recorded: median, confirmed")
    for before, now, sigma, recorded in CELLS:
        chance = random.Random(f"{before} {now} {sigma}")
        same, slower = (
            [
                (_drawn(chance, before, sigma, 1.0), _drawn(chance, now, sigma, factor))
                for _ in range(tasks)
            ]
            for factor in (1.0, SLOWER)
        )
        shares = "".join(
            f"{100 * _share(rule, same):>13.1f} / {100 * _share(rule, slower):>5.1f}" + " "
            for rule in RULES.values()
        )
        print(f"{f'{before}, {now}, {sigma}':<20}{shares}  {recorded}")


def _drawn(chance: random.Random, tries: int, sigma: float, factor: float) -> list[float]:
    return sorted(
        60 * factor * chance.lognormvariate(0, sigma) * (5 if chance.random() < 0.02 else 1)
        for _ in range(tries)
    )


def _share(rule: Rule, pairs: Sequence[tuple[list[float], list[float]]]) -> float:
    return sum(rule(before, now) for before, now in pairs) / len(pairs)


def _by_mean(before: Sequence[float], now: Sequence[float]) -> bool:
    return fmean(now) > 1.2 * fmean(before)


def _by_p95(before: Sequence[float], now: Sequence[float]) -> bool:
    return quantile(now, 0.95) > 1.2 * quantile(before, 0.95)


def _suspected(before: Sequence[float], now: Sequence[float]) -> bool:
    return change(before, now) is not None


def _confirmed(before: Sequence[float], now: Sequence[float]) -> bool:
    found = change(before, now)
    return found is not None and found.verdict is Verdict.CONFIRMED


RULES: dict[str, Rule] = {
    "mean > 1.2x": _by_mean,
    "p95 > 1.2x": _by_p95,
    "suspected (median)": _suspected,
    "confirmed": _confirmed,
}


if __name__ == "__main__":
    main()
