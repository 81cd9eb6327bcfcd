"""How often rules for regressions cry wolf, and how often they see one, by simulation.

`python -m bench.regressions [--tasks N]`: durations are lognormal, 2 % of them outliers that take
five times as long; a task either did not change or takes 1.5 times as long as before. Then what a
report confirms of many tasks together, a few of which became slower.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from statistics import fmean

from exporter.insight.performance.quantiles import quantile
from exporter.insight.performance.regressions import SIGNIFICANCE, Change, change, confirmed_up_to

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
    _together(10 * tasks)


def _together(tasks: int) -> None:
    """Print what is confirmed of so many tasks, by each p-value alone and in view of all."""
    print(f"\nof {tasks:,} tasks together (28, 28, 0.5), confirmed falsely and rightly")
    print(f"{'became slower':<20}{'each alone':>22}{'in view of all':>22}")
    for slower in (0, tasks // 100, tasks // 10):
        chance = random.Random(f"{tasks} {slower}")
        p_values = [
            (number < slower, found.p_value)
            for number in range(tasks)
            if (found := _changed(chance, SLOWER if number < slower else 1.0)) is not None
        ]
        limit = confirmed_up_to([p_value for _, p_value in p_values], tasks)
        told = "".join(
            f"{sum(p <= most and not true for true, p in p_values):>13,} / "
            f"{sum(p <= most and true for true, p in p_values):>6,}"
            for most in (SIGNIFICANCE, limit)
        )
        print(f"{slower:<20,}{told}")


def _changed(chance: random.Random, factor: float) -> Change | None:
    return change(_drawn(chance, 28, 0.5, 1.0), _drawn(chance, 28, 0.5, factor))


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
    return found is not None and found.p_value <= SIGNIFICANCE


RULES: dict[str, Rule] = {
    "mean > 1.2x": _by_mean,
    "p95 > 1.2x": _by_p95,
    "suspected (median)": _suspected,
    "confirmed": _confirmed,
}


if __name__ == "__main__":
    main()
