"""What a request's header fields say."""

from __future__ import annotations

import pytest

from exporter.web import wire
from exporter.web.messages import Request


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("10", 10.0), ("9.5", 9.5), ("0.000001", 0.000001),
        ("", None), ("-1", None), ("nan", None), ("inf", None), ("1e9", None), ("5, 5", None),
        ("9" * 400, None), ("\u0665", None),
    ],
)  # fmt: skip
def test_a_scrapers_time_out_is_seconds_or_nothing(told: str, seconds: float | None) -> None:
    headers = {"x-prometheus-scrape-timeout-seconds": told}
    assert wire.scrape_timeout(Request("GET", "/", "", headers)) == seconds
    assert wire.scrape_timeout(Request("GET", "/", "", {})) is None
