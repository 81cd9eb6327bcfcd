"""Draw the report and /tasks as people see them: `python -m tests.pages --out docs/images`.

On a desk and on a phone, light and dark, and on paper; `test_pages.py` judges them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import sleep

from tests.pages.browser import NAMES, Browser, installed, opened
from tests.pages.looks import SCREENS, faults, looked
from tests.support.exporter import ExporterProcess

REPORT = Path(__file__).parents[1] / "unit/report/golden/report.html"


def main() -> int:
    """Draw every page on every screen; 0 when nothing is wrong."""
    arguments = _arguments()
    program = installed()
    if program is None:
        print(f"there is no browser: install one of {', '.join(NAMES)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="pages-") as name:
        directory = Path(name)
        # No ledger, no database of somebody's: what a user sees who tries the demo.
        with (
            ExporterProcess(directory, command="demo") as demo,
            opened(program, directory / "profile") as browser,
        ):
            demo.wait_ready(60)
            sleep(arguments.seconds)
            pages = {"report": REPORT.as_uri(), "tasks": f"{demo.url}/tasks", "landing": demo.url}
            wrong = [
                f"{page} {fault}"
                for page, url in pages.items()
                for fault in _drawn(browser, page, url, arguments.out)
            ]
    for text in wrong:
        print(text, file=sys.stderr)
    return 1 if wrong else 0


def _drawn(browser: Browser, page: str, url: str, out: Path) -> list[str]:
    """Write pictures of a page; return what is wrong with it."""
    wrong = []
    for screen in SCREENS:
        for dark in (False, True):
            wrong += faults(url, looked(browser, url, screen, dark=dark))
            picture = out / f"{page}-{screen}{'-dark' if dark else ''}.png"
            picture.write_bytes(browser.picture())
            print(picture)
    printed = out / f"{page}.pdf"
    printed.write_bytes(browser.printed())
    print(printed)
    return wrong


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long the demo lives first")
    parser.add_argument("--out", type=Path, required=True, help="where pictures are written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
