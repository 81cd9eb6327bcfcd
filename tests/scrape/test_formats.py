"""A real Prometheus reads every format, and what it stores is what was observed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import pytest

from exporter import catalogue
from exporter.clock import Clock
from exporter.samples import Batch, Sample
from exporter.telemetry.ledger import Ledger
from exporter.telemetry.limits import Limits
from exporter.telemetry.process import ProcessTables
from exporter.telemetry.rendering import rendered
from exporter.telemetry.scrape import Scrape
from exporter.telemetry.store import Store
from exporter.telemetry.text import TEXT, escaped
from exporter.web.messages import Pending, Request, Response
from exporter.web.routes import Routes
from exporter.web.server import Server
from tests.support.exposed import text
from tests.support.prometheus import NO_PROMETHEUS, Prometheus, prometheus_binary
from tests.support.require import require

CHILDREN = 100
OBSERVED = 5000
MU, SIGMA = 4.0, 1.6
P95_SECONDS = math.exp(MU + SIGMA * NormalDist().inv_cdf(0.95))
HOSTILE = 'quoted " \\ \n é \U0001f600 {le="1"} # {x="y"} 1'
RUN = 'manual "\\\n é__2026-11-22T00:00:00+00:00'
ANY_TEXT = {"accept": "text/plain;version=0.0.4"}


def filled() -> Store:
    """Return a store with log-normal durations in many children, hostile ones among them."""
    clock = Clock()
    store = Store(catalogue.FAMILIES, Limits(0.0), Ledger(None, clock), clock)
    places = (NormalDist(MU, SIGMA).inv_cdf((n + 0.5) / OBSERVED) for n in range(OBSERVED))
    durations = [
        Sample(catalogue.TASK_DURATION, (f"dag{n % CHILDREN}", HOSTILE, None), math.exp(place), RUN)
        for n, place in enumerate(places)
    ]
    announced = [(catalogue.TASK_DURATION, ("idle", "t", "o"))]
    finished = [Sample(catalogue.TASK_FINISHED, ("d", HOSTILE, "o", "success"), 3.0)]
    gauges = {"pools": [Sample(catalogue.POOL_SIZE, ("endless",), math.inf)]}
    store.put("airflow", Batch(gauges, [*durations, *finished], announced))
    store.publish()
    return store


class Served:
    """The exporter's front door over a store; remembers the headers of its answers."""

    def __init__(self, store: Store, headers: Mapping[str, str]) -> None:
        """Serve; `headers` stand in for those of the client."""
        self.store = store
        self.answers: list[dict[str, str]] = []
        self._headers = headers
        self._routes = Routes(
            scrape=Scrape(store.exposition, ProcessTables(Clock())),
            healthy=lambda: None,
            ready=lambda: None,
            collectors=list,
            version="1",
        )
        self.server = Server(["127.0.0.1:0"], self._answer)

    def _answer(self, request: Request) -> Response | Pending:
        asked = replace(request, headers={**request.headers, **self._headers})
        answer = self._routes(asked)
        if not isinstance(answer, Response):
            self.store.publish()
            answer = answer.result(timeout=0)
        self.answers.append({"Content-Type": answer.content_type, **dict(answer.headers)})
        return answer


@contextmanager
def scraped(
    directory: Path, features: Sequence[str], headers: Mapping[str, str] | None = None
) -> Iterator[tuple[Served, Prometheus]]:
    """Let a Prometheus scrape a store once at least."""
    require(prometheus_binary() is not None, NO_PROMETHEUS)
    served = Served(filled(), headers or {})
    served.server.start()
    try:
        with Prometheus(directory, served.server.addresses, "a", features=features) as prometheus:
            prometheus.wait_for("up == 1", 1)
            yield served, prometheus
    finally:
        served.server.stop()


def only(prometheus: Prometheus, expression: str) -> float:
    """Return the value of the one series that a query finds."""
    ((_, value),) = prometheus.query(expression)
    return value


def lines(store: Store) -> list[str]:
    """Return the samples of the store and the process, as text."""
    own = b"".join(rendered(TEXT, ProcessTables(Clock())()).blocks).decode()
    told = text(store) + own
    return [line for line in told.split("\n") if line and line[0] != "#"]


def p95(prometheus: Prometheus, series: str) -> float:
    """Return the quantile that Prometheus makes of all children together."""
    return only(prometheus, f"histogram_quantile(0.95, {series})")


@pytest.mark.parametrize(
    ("headers", "content_type"),
    [
        (ANY_TEXT, "text/plain; version=0.0.4; charset=utf-8"),
        ({}, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_classic_buckets_are_read_from_text_and_openmetrics(tmp_path, headers, content_type):
    with scraped(tmp_path, ["exemplar-storage"], headers) as (served, prometheus):
        assert served.answers[0]["Content-Type"] == content_type
        assert served.answers[0]["Content-Encoding"] == "gzip"
        assert only(prometheus, "scrape_samples_scraped") == len(lines(served.store))
        assert only(prometheus, "sum(airflow_task_duration_seconds_count)") == OBSERVED
        classic = p95(prometheus, "sum by (le) (airflow_task_duration_seconds_bucket)")
        assert abs(classic / P95_SECONDS - 1) > 0.1
        assert hostile_labels(prometheus)
        found = prometheus.exemplars("airflow_task_duration_seconds_bucket")
        # Prometheus 2.42 keeps an exemplar's label as it stands in OpenMetrics, escapes included.
        runs = {labels["run_id"] for labels, _ in found} & {RUN, escaped(RUN)}
        assert len(runs) == (0 if headers else 1)


def test_native_buckets_are_read_from_protobuf(tmp_path):
    features = ["native-histograms", "exemplar-storage"]
    with scraped(tmp_path, features) as (served, prometheus):
        assert served.answers[0]["Content-Type"].startswith("application/vnd.google.protobuf; ")
        assert served.answers[0]["Content-Encoding"] == "gzip"
        # A native histogram is one sample, whatever lines it would have in text.
        others = [each for each in lines(served.store) if "task_duration_seconds_" not in each]
        expected = len(others) + CHILDREN + 1
        assert only(prometheus, "scrape_samples_scraped") == expected
        assert only(prometheus, "count(airflow_task_duration_seconds)") == CHILDREN + 1
        observed = only(prometheus, "histogram_count(sum(airflow_task_duration_seconds))")
        assert observed == OBSERVED
        native = p95(prometheus, "sum(airflow_task_duration_seconds)")
        assert abs(native / P95_SECONDS - 1) < 0.01
        assert hostile_labels(prometheus)
        found = prometheus.exemplars("airflow_task_duration_seconds")
        assert {labels["run_id"] for labels, _ in found} == {RUN}


def hostile_labels(prometheus: Prometheus) -> bool:
    """Tell whether the label came through as it is."""
    ((labels, value),) = prometheus.query("airflow_task_finished_total")
    return labels["task_id"] == HOSTILE and value == 3.0
