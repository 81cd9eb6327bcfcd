"""Look at the report and at /tasks as people do: `python -m tests.pages --out docs/images`.

On a desk and on a phone, light and dark, and on paper: no page may ask for anything but itself,
complain, or be wider than the screen.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import sleep

from tests.pages.browser import NAMES, Browser, opened
from tests.support.exporter import ExporterProcess

REPORT = Path(__file__).parents[1] / "unit/report/golden/report.html"
SCREENS = {"desk": (1000, 900), "phone": (390, 844)}


def main() -> int:
    """Look at every page on every screen; 0 when nothing is wrong."""
    arguments = _arguments()
    program = next(filter(None, map(shutil.which, NAMES)), None)
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
                text
                for page, url in pages.items()
                for text in _looked(browser, page, url, arguments.out)
            ]
    for text in wrong:
        print(text, file=sys.stderr)
    return 1 if wrong else 0


def _looked(browser: Browser, page: str, url: str, out: Path) -> Iterator[str]:
    """Write pictures of a page; yield what is wrong with it."""
    for screen, (width, height) in SCREENS.items():
        for dark in (False, True):
            visit = browser.visit(url, width, height, dark=dark)
            where = f"{page} ({screen}, {'dark' if dark else 'light'})"
            picture = browser.picture()
            (out / f"{page}-{screen}{'-dark' if dark else ''}.png").write_bytes(picture)
            print(f"{where}: {len(visit.requests)} request, {len(picture) / 1000:.0f} kB")
            yield from (f"{where} complains: {each}" for each in visit.complaints)
            others = [each for each in visit.requests if each.rstrip("/") != url.rstrip("/")]
            yield from (f"{where} asks for {each}" for each in others)
            if visit.overflow > 0:
                yield f"{where} is {visit.overflow} pixels wider than the screen"
    printed = browser.printed()
    (out / f"{page}.pdf").write_bytes(printed)
    print(f"{page}: {printed.count(b'/Type /Page') - printed.count(b'/Type /Pages')} printed pages")
    if not printed.startswith(b"%PDF"):
        yield f"{page} cannot be printed"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long the demo lives first")
    parser.add_argument("--out", type=Path, required=True, help="where pictures are written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
