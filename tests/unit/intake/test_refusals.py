"""What is logged of refused pushes: a line a minute at most."""

from __future__ import annotations

import structlog.testing

from exporter.intake.refusals import EVERY_SECONDS, Refusals
from tests.support.clock import HandClock


def test_the_first_of_a_minute_is_told_and_how_many_there_were_since() -> None:
    hand = HandClock()
    refusals = Refusals(hand.clock)
    with structlog.testing.capture_logs() as logs:
        for _ in range(102):
            refusals.add(400, "Rows must be whole.")
        refusals.add(401, "A bearer token is needed.")
        assert [(each["status"], each["reason"]) for each in logs] == [(400, "Rows must be whole.")]
        hand.pass_seconds(EVERY_SECONDS)
        refusals.add(415, "No.")
        assert logs[1]["untold"] == {"400": 101, "401": 1}
        hand.pass_seconds(EVERY_SECONDS)
        refusals.add(415, "No.")
        assert "untold" not in logs[2]
