"""What was acknowledged counts exactly once, however often the exporter is killed."""

from __future__ import annotations

import random
import time

from tests.integration.intake.conftest import Taker
from tests.integration.intake.senders import Senders
from tests.integration.intake.workload import Workload

TRIES = 9_000
SENDERS = 8
KILLS = 5
SEED = 20_261


def test_totals_are_what_was_acknowledged_after_five_kills(alone: Taker) -> None:
    workload = Workload(TRIES, SEED)
    assert workload.claims >= 10_000
    senders = Senders(alone.intake_port, SENDERS, SEED)
    chance = random.Random(SEED)
    done = senders.start(workload.bodies)
    before: dict[object, float] = {}
    try:
        for kill in range(1, KILLS + 1):
            target = len(workload.bodies) * kill // (KILLS + 1) - chance.randrange(200)
            senders.wait_acknowledged(target, 60)
            before = _not_lower(before, alone)
            alone.process.kill()
            alone.start()
            alone.process.wait_ready(30)
            before = _not_lower(before, alone)
        for each in done:
            each.result(60)
    finally:
        senders.stop()
    expected = {key: value for key, value in workload.totals.items() if value}
    deadline = time.monotonic() + 20
    while (found := _positive(alone)) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found == expected
    # All are settled by now. Who was cut off long ago may still send again, after a kill as well.
    alone.process.kill()
    alone.start()
    alone.process.wait_ready(30)
    assert {alone.post(body) for body in workload.bodies[::10]} == {204}
    time.sleep(4)  # The grace, two samples and the hold: what would count twice has done so.
    assert _positive(alone) == expected
    print(
        f"{workload.claims} claims in {len(workload.bodies)} bodies, {senders.sent} posts of "
        f"{SENDERS} senders, {KILLS} kills, {len(found)} series"
    )


def _positive(taker: Taker) -> dict[object, float]:
    return {key: value for key, value in taker.totals().items() if value}


def _not_lower(before: dict[object, float], taker: Taker) -> dict[object, float]:
    """Return the totals now, which no scrape may find lower than the one before."""
    now: dict[object, float] = dict(taker.totals())
    lower = {key: (value, now.get(key)) for key, value in before.items() if now.get(key, 0) < value}
    assert lower == {}
    return now
