"""The long form: `python -m tests.exactness --seeds 5 --tries 2000 --schema 3.3 --schema 2.11`."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.exactness.harness import Report, run
from tests.exactness.mutations import MUTATIONS, applies
from tests.exactness.settings import SCHEMAS, Settings, long, short


def main() -> int:
    """Run every seed on every schema, or every mutation; return 0 when all is as it must be."""
    arguments = _arguments()
    schemas = arguments.schema or list(SCHEMAS)
    if arguments.mutations or arguments.mutation:
        return _all_noticed(arguments.mutation or list(MUTATIONS), schemas, arguments.seed)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    runs = [long(schema, seed, arguments.tries) for seed in seeds for schema in schemas]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        reports = list(pool.map(_told, runs))
    return _summed_up(reports, arguments.tries)


def _told(settings: Settings) -> Report:
    report = run(settings)
    print(report, flush=True)
    return report


def _summed_up(reports: list[Report], tries: int) -> int:
    wrong = [report for report in reports if not report.right]
    few = [report for report in reports if report.result.tries < tries]
    total = sum(report.result.tries for report in reports)
    print(
        f"{len(reports)} runs, {total} tries: "
        f"{sum(report.result.missed for report in reports)} missed, "
        f"{sum(report.result.extra for report in reports)} in excess; "
        f"{len(wrong)} runs with differences, {len(few)} with fewer than {tries} tries"
    )
    return 1 if wrong or few else 0


def _all_noticed(mutations: list[str], schemas: list[str], seed: int) -> int:
    """Run each mutation until a schema notices it: green is what is wrong here."""
    unnoticed = []
    for mutation in mutations:
        for schema in [each for each in schemas if applies(mutation, each)]:
            report = run(short(schema, seed), mutation)
            colour = "still green" if report.right else "red"
            print(f"{mutation} on {schema}: {colour}. {str(report).splitlines()[0]}", flush=True)
            if report.right:
                unnoticed.append((mutation, schema))
    return 1 if unnoticed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.exactness", description=__doc__)
    parser.add_argument("--schema", action="append", choices=SCHEMAS, help="default: both")
    parser.add_argument("--seed", type=int, default=1, help="the first one; default: 1")
    parser.add_argument("--seeds", type=int, default=5, help="how many; default: 5")
    parser.add_argument("--tries", type=int, default=2000, help="at least, a seed; default: 2000")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time; default: 2")
    parser.add_argument(
        "--mutations", action="store_true", help="break each counting rule and expect differences"
    )
    parser.add_argument("--mutation", action="append", choices=sorted(MUTATIONS), help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
