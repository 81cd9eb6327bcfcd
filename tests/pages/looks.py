"""What no page may do on any screen: complain, ask for something else, or be wider than it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.pages.browser import Browser, Visit

SCREENS = {"desk": (1000, 900), "phone": (390, 844)}
"""Width and height in pixels."""


def looked(browser: Browser, url: str, screen: str, *, dark: bool) -> Visit:
    """Load a page on one of the screens."""
    width, height = SCREENS[screen]
    return browser.visit(url, width, height, dark=dark)


def faults(url: str, visit: Visit) -> Iterator[str]:
    """Yield what is wrong with a page that was loaded from this address."""
    yield from (f"complains: {each}" for each in visit.complaints)
    others = [each for each in visit.requests if each.rstrip("/") != url.rstrip("/")]
    yield from (f"asks for {each}" for each in others)
    if visit.overflow > 0:
        yield f"is {visit.overflow} pixels wider than the screen"
