"""One Prometheus for all tests of the bundle: it has scraped the real demo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from time import sleep, time

import pytest

from tests.support.known_series import bundled_rules, selector
from tests.support.platform import (
    alive,
    dumped,
    earlier,
    hourly,
    hurried,
    labelled,
    served,
    stretched,
)
from tests.support.prometheus import NO_PROMETHEUS, Prometheus, prometheus_binary
from tests.support.require import require

RULES = Path(__file__).parents[3] / "grafana/rules"
SCRAPED_SECONDS = 60
STRETCHED = 15
"""So that it is a quarter of an hour, scraped every 15 s."""
COMPARED = re.compile(r"airflow_task_duration_seconds_(sum|count)|data_rows_processed_total")
"""What a panel sets beside its own past."""
OF_EVERY_TARGET = re.compile("up$|scrape_|process_")
STRANGER = "stranger:{}"
"""The instances of a job that Prometheus scrapes as well, and whose targets are no exporters."""
DAY_SECONDS = 86_400


@pytest.fixture(scope="session")
def _scraped(tmp_path_factory) -> Iterator[tuple[Prometheus, float]]:
    """Serve what was scraped, and what every recording rule made of it at one moment.

    `north` is served by two exporters of each kind, `south` by one.
    """
    require(prometheus_binary(), NO_PROMETHEUS)
    live, past = (tmp_path_factory.mktemp(name) for name in ("live", "past"))
    with alive(live) as targets, Prometheus(live, targets, "north"):
        sleep(SCRAPED_SECONDS)
    north = stretched(dumped(live / "tsdb"), STRETCHED, until=time())
    for ago in (DAY_SECONDS, 7 * DAY_SECONDS):
        north += earlier(north[: len(north)], ago, COMPARED)
    samples = [*north, *labelled(north, instance="other-{}"), *labelled(north, airflow="south")]
    of_every_target = [each for each in north if OF_EVERY_TARGET.match(each.labels["__name__"])]
    samples += labelled(of_every_target, job="node", instance=STRANGER)
    recorded = hourly(north, until=time())
    samples += [*recorded, *labelled(recorded, airflow="south")]
    with served(samples, past, hurried(RULES, past)) as server:
        for rule in bundled_rules():
            if "record" in rule:
                server.wait_for(f"count by (airflow) ({selector(rule)})", 2, timeout=150)
        moment = time()
    # The rules have been worked out: again and again would take a fifth of a core from all tests.
    with Prometheus(past, [], "") as server:
        yield server, moment


@pytest.fixture(scope="session")
def prometheus(_scraped) -> Prometheus:
    """Return a server that knows a scraped past and what the rules recorded of it."""
    return _scraped[0]


@pytest.fixture(scope="session")
def at(_scraped) -> float:
    """Return the moment for all questions: the last at which the rules were worked out."""
    return _scraped[1]
