"""The golden scrape: every series of a small world, as users get it over HTTP."""

from __future__ import annotations

import gzip
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporter import catalogue
from exporter.catalogue import Kind
from tests.scrape.world import RUN, World
from tests.support.exporter import ExporterProcess
from tests.support.metric_families import decoded
from tests.support.promtool import NO_PROMTOOL, check_metrics, promtool_binary
from tests.support.require import require

GOLDEN = Path(__file__).parent / "golden.prom"
FIXTURES = Path(__file__).parents[1] / "fixtures"
MOVING = re.compile(
    r"^(airflow_\w+_timestamp_seconds|airflow_\w*oldest_\w+_seconds|container_start_time_seconds"
    r"|task_cpu_\w+|task_(?:read|written)_bytes_total"
    r"|airflow_perf_exporter_\w+(_seconds|_connections|_build_info|_requests_total|_series)"
    r")(\{.*\})? .*$"
)
"""Lines whose value is a time, an age, or depends on how often we looked."""


PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)


@dataclass(frozen=True)
class Scrapes:
    """What the daemon answers in each format, one after the other."""

    text: str
    openmetrics: str
    protobuf: bytes


@pytest.fixture(scope="module")
def scrapes(tmp_path_factory):
    """Scrape the daemon after it saw a task instance run and finish."""
    tmp_path = tmp_path_factory.mktemp("world")
    world = World(tmp_path / "airflow.db")
    environment = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": world.dsn}
    options = (
        "--collector.airflow.interval", "200ms", "--series.hold", "0s", "--rows.grace", "0s",
        "--docker.host", "none", "--web.enable-intake", "--web.intake-address", "127.0.0.1:0",
        "--dbt.path", str(tmp_path),
        *host(tmp_path),
    )  # fmt: skip
    with ExporterProcess(tmp_path, *options, environment=environment) as daemon:
        world.begin()
        daemon.wait_ready(20)
        daemon.wait_for('airflow_task_instance_state{state="running"} 2')
        world.finish()
        daemon.wait_for('airflow_dag_run_finished_total{dag_id="sales",'
                        'run_type="scheduled",state="success"} 1')  # fmt: skip
        # The exporter counts series at each tick, and these only come with the last.
        daemon.wait_for('airflow_perf_exporter_series{family="airflow_baseline_actual"} 2')
        found = Scrapes(
            daemon.scrape(),
            daemon.request(
                "/metrics", headers=accept("application/openmetrics-text")
            ).body.decode(),
            gzip.decompress(daemon.request("/metrics", headers=accept(PROTOBUF, "gzip")).body),
        )
    world.close()
    return found


@pytest.fixture
def scraped(scrapes):
    """Return the text."""
    return scrapes.text


def accept(kind: str, coding: str = "identity") -> dict[str, str]:
    """Return the headers that ask for a format."""
    return {"Accept": kind, "Accept-Encoding": coding}


def host(directory: Path) -> tuple[str, ...]:
    """Make a host with a container and a task process; return the options that lead there."""
    shutil.copytree(FIXTURES / "cgroup/hybrid/cgroup", directory / "cgroup")
    shutil.copytree(FIXTURES / "proc/airflow-2", directory / "proc")
    container = next(directory.glob("cgroup/cpuacct/docker/*"))
    shutil.copy(container / "cpuacct.usage", container.parent)
    return ("--path.cgroupfs", str(directory / "cgroup"), "--path.procfs", str(directory / "proc"))


def stable(text: str) -> str:
    """Leave out what belongs to the process, and the values that move."""
    lines = []
    for line in text.splitlines():
        if re.match(r"(# (HELP|TYPE) )?(process|python)_", line):
            continue
        moving = MOVING.match(line)
        lines.append(f"{line.rpartition(' ')[0]} ~" if moving else line)
    return (
        "\n".join(lines).replace(_build(text), 'build_info{version="~",pythonversion="~"}') + "\n"
    )


def _build(text: str) -> str:
    return re.search(r"build_info\{[^}]*\}", text).group()


def test_the_scrape_is_the_golden_one(scraped, request):
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(stable(scraped), encoding="utf-8")
    assert stable(scraped) == GOLDEN.read_text(encoding="utf-8")


def test_every_catalogued_family_is_in_the_golden_scrape(scraped):
    exposed = set(re.findall(r"^# TYPE (\S+) ", scraped, re.MULTILINE))
    expected = {family.name for family in catalogue.FAMILIES}
    assert expected <= exposed
    others = {name for name in exposed - expected if not name.startswith(("process_", "python_"))}
    assert others == set()


def test_promtool_finds_nothing_to_complain_about(scraped):
    require(promtool_binary() is not None, NO_PROMTOOL)
    assert check_metrics(scraped) == []


def test_no_series_stands_twice(scraped):
    names = [line.rpartition(" ")[0] for line in scraped.splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names))


def test_openmetrics_and_protobuf_have_the_series_of_the_text(scrapes):
    text = series(text_string_to_metric_families(scrapes.text))
    assert series(openmetrics.text_string_to_metric_families(scrapes.openmetrics)) == text
    told = {
        (family.name + suffix, labels)
        for family in decoded(scrapes.protobuf)
        for metric in family.metrics
        for suffix, labels in metric.samples
    }
    assert told == text


def test_the_run_of_the_slowest_try_is_told_as_exemplar_only(scrapes):
    (line,) = (each for each in scrapes.openmetrics.split("\n") if " # {" in each)
    assert line.startswith('airflow_task_duration_seconds_bucket{dag_id="sales",')
    assert f'# {{run_id="{RUN}"}} 1' in line
    assert RUN not in scrapes.text


def series(families) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Return the names and labels of all samples."""
    return {
        (each.name, frozenset(each.labels.items()))
        for family in families
        for each in family.samples
    }


def test_counters_end_in_total_and_help_says_when_a_gauge_is_sampled():
    for family in catalogue.FAMILIES:
        told_at_once = family.collector in (catalogue.SELF, catalogue.BASELINES)
        if family.kind is Kind.GAUGE and not told_at_once:
            assert family.help.endswith("As of the last sample."), family.name
