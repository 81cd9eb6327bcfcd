"""Draw every dashboard: `python -m tests.screenshots --renderer ../shared/grafana-render`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import sleep, time

from tests.screenshots.drawing import Drawing, Renderer
from tests.support.platform import alive
from tests.support.prometheus import Prometheus

ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "grafana/dashboards"
SCRAPED_EVERY = "5s"


def main() -> int:
    """Let the demo live a while, draw on every version, print a table; 0 when all is drawn."""
    arguments = _arguments()
    renderers = [
        Renderer.installed(arguments.renderer, version, ROOT / ".grafana-render" / version)
        for version in arguments.version
    ]
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        directory = Path(name)
        rules = sorted((ROOT / "grafana/rules").glob("*.yml"))
        with (
            alive(directory) as targets,
            Prometheus(directory, targets, "production", rules, every=SCRAPED_EVERY) as prometheus,
        ):
            sleep(arguments.minutes * 60)
            at = time()
            drawings = [
                renderer.drawing(path, prometheus.url, at, arguments.minutes / 60, arguments.out)
                for renderer in renderers
                for path in sorted(DASHBOARDS.glob(f"*{arguments.only}.json"))
            ]
    print(_table(drawings))
    for each in drawings:
        if each.trouble:
            print(f"{each.version} {each.dashboard}: {each.trouble}", file=sys.stderr)
    return 0 if all(each.good for each in drawings) else 1


def _table(drawings: Sequence[Drawing]) -> str:
    lines = [
        "| Grafana | dashboard | panels | drawn | failed | without data | page errors |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(map(str, each.row))} |" for each in drawings),
    ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renderer", type=Path, required=True, help="where render.mjs is")
    parser.add_argument("--version", nargs="+", default=["11.6.9", "13.2.2"])
    parser.add_argument("--only", default="", help="such as overview")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--out", type=Path, default=ROOT / ".grafana-render")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
