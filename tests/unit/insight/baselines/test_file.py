"""Tests of the baselines file: the guide's figures are shipped, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConfigError
from exporter.insight.baselines.baseline import METRICS, Direction, Key, Match, Scope
from exporter.insight.baselines.file import baselines

MIN, MAX = Direction.MIN, Direction.MAX
GUIDE = {
    ("bronze", "rate_mbps"): (MIN, 100),
    ("bronze", "rows_per_second"): (MIN, 10_000),
    ("bronze", "memory_mib"): (MAX, 2048),
    ("silver", "rate_mbps"): (MIN, 50),
    ("silver", "cpu_cores"): (MAX, 4),
    ("silver", "memory_mib"): (MAX, 4096),
    ("gold", "rate_mbps"): (MIN, 25),
    ("gold", "cpu_cores"): (MAX, 8),
    ("gold", "memory_mib"): (MAX, 8192),
    ("scheduler", "cpu_cores"): (MAX, 2),
    ("scheduler", "memory_mib"): (MAX, 2048),
    ("worker", "cpu_cores"): (MAX, 1),
    ("worker", "memory_mib"): (MAX, 2048),
    ("webserver", "cpu_cores"): (MAX, 0.5),
    ("webserver", "memory_mib"): (MAX, 1024),
}
TERMS = "tolerance: 0.2, aggregation: ratio, window: 15m"


def read(text: str, directory: Path):
    path = directory / "baselines.yml"
    path.write_text(text, encoding="utf-8")
    return baselines(path)


def refusal(text: str, directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, directory)
    return str(caught.value)


def of_bronze(terms: str) -> str:
    return f"stages: {{bronze: {{rate_mbps: {{{terms}}}}}}}"


def of_scheduler(more: str) -> str:
    terms = "max: 1, tolerance: 0, aggregation: p95, window: 1h"
    return f"components: {{scheduler: {{cpu_cores: {{{terms}}}{more}}}}}"


def test_the_guides_figures_are_shipped():
    shipped = baselines(None)
    found = {(each.key.name, each.key.metric): (each.direction, each.target) for each in shipped}
    assert found == GUIDE
    assert {each.tolerance_ratio for each in shipped} == {0.2}
    assert {each.key.scope for each in shipped if each.match} == {Scope.COMPONENT}


def test_a_file_tells_every_term(tmp_path):
    rate, cpu = read(
        """
        stages:
          'Röh "v2" $1': {rows_per_second: {min: 1.5, tolerance: 0, aggregation: ratio, window: 2h}}
        components:
          api:
            match: {container: 'a|b', pod: 'c.*'}
            cpu_cores: {max: 0, tolerance: 0.5, aggregation: max, window: 90s}
        """,
        tmp_path,
    )
    assert rate.key == Key(Scope.STAGE, 'Röh "v2" $1', "rows_per_second")
    assert (rate.direction, rate.target, rate.tolerance_ratio) == (MIN, 1.5, 0)
    assert (rate.aggregation, rate.window_seconds, rate.match) == ("ratio", 7200, None)
    assert cpu.key == Key(Scope.COMPONENT, "api", "cpu_cores")
    assert (cpu.direction, cpu.target, cpu.tolerance_ratio) == (MAX, 0, 0.5)
    assert (cpu.aggregation, cpu.window_seconds) == ("max", 90)
    assert cpu.match == Match("a|b", "c.*")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must hold some of stages, components"),
        ("[]", "must hold some of stages, components"),
        ("stage: {}", "stage: no such key; there are stages, components"),
        ("stages: {}", "stages: must hold something by name"),
        ("stages: {bronze: 7}", "stages.bronze: must hold some of rate_mbps, rows_per_second, "
                                "cpu_cores, memory_mib"),
        ('stages: {"__other__": {}}', "stages.__other__: a stage is 1 to 200 characters that can "
                                      "be seen, and not __other__"),
        ('stages: {"a\\u202eb": {}}', "a stage is 1 to 200 characters that can be seen"),
        ('components: {"a b": {}}', "components.a b: a component is up to 63 letters, digits, _ ."),
        ("stages: {bronze: {rate_mpbs: {}}}", "stages.bronze.rate_mpbs: no such key; there are "
                                              "rate_mbps, rows_per_second, cpu_cores, memory_mib"),
        ("stages: {bronze: {match: {}}}", "stages.bronze.match: no such key"),
        ("components: {x: {rate_mbps: {}}}", "components.x.rate_mbps: no such key"),
        (of_bronze(TERMS), "stages.bronze.rate_mbps: must hold either min or max"),
        (of_bronze(f"min: 1, max: 2, {TERMS}"), "rate_mbps: must hold either min or max"),
        (of_bronze(f"min: 0, {TERMS}"), "rate_mbps.min: must be at least 1e-06"),
        (of_bronze(f"max: 0.0000001, {TERMS}"), "rate_mbps.max: must be at least 1e-06"),
        (of_bronze(f"min: -1, {TERMS}"), "min: must be a number such as 100 or 0.20"),
        (of_bronze(f"min: .nan, {TERMS}"), "min: must be a number such as 100 or 0.20"),
        (of_bronze(f"min: 1e400, {TERMS}"), "min: must be a number such as 100 or 0.20"),
        (of_bronze(f"min: [1], {TERMS}"), "min: must be given, as one value"),
        (of_bronze(f"min: 1, limit: 2, {TERMS}"), "limit: no such key; there are min, max"),
        (of_bronze("min: 1"), "tolerance: must be given, as one value"),
        (of_bronze("min: 1, tolerance: 1"), "tolerance: must be below 1: 0.20 is 20 %"),
        (of_bronze("min: 1, tolerance: 0.2"), "aggregation: must be given, as one value"),
        (of_bronze("min: 1, tolerance: 0.2, aggregation: p95"), "aggregation: must be ratio"),
        (of_bronze("min: 1, tolerance: 0.2, aggregation: ratio"), "window: must be given"),
        (of_bronze(f"min: 1, {TERMS}".replace("15m", "soon")), "window: must be a duration"),
        (of_bronze(f"min: 1, {TERMS}".replace("15m", "59s")), "window: must be whole seconds"),
        (of_bronze(f"min: 1, {TERMS}".replace("15m", "8d")), "window: must be whole seconds"),
        (of_bronze(f"min: 1, {TERMS}".replace("15m", "90.5s")), "window: must be whole seconds"),
        (of_scheduler(""), "components.scheduler.match: must hold some of container, pod"),
        (of_scheduler(", match: {}"), "scheduler.match: must hold some of container, pod"),
        (of_bronze(""), "rate_mbps: must hold min or max, and tolerance, aggregation, window"),
        (of_scheduler(", match: {pod: 'a(?=b)'}"), "match.pod: must be a regular expression that "
                                                   "Prometheus and Python read alike: what begins "
                                                   "at character 3 is not"),
        (of_scheduler(", match: {name: x}"), "match.name: no such key; there are container, pod"),
        (of_scheduler(", match: {container: '('}"), "match.container: must be a regular expr"),
        (of_scheduler(", match: {pod: ''}"), "match.pod: must be given, as one value"),
        ("stages: {bronze: {}, bronze: {}}", "a key is given twice"),
        ("stages: &a {bronze: *a}", "aliases (&, *) are not allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_key(text, sentence, tmp_path):
    found = refusal(text, tmp_path)
    assert found.startswith(f"{tmp_path}/baselines.yml: ")
    assert sentence in found
    assert len(found) < 500


def test_a_file_that_is_not_there_is_named_with_its_option(tmp_path):
    with pytest.raises(ConfigError, match=r"--baselines.file .*/nothing: no such file"):
        baselines(tmp_path / "nothing")


def test_a_file_with_too_many_baselines_is_refused(tmp_path):
    term = "{min: 1, tolerance: 0, aggregation: ratio, window: 1h}"
    names = ", ".join(f"s{number}: {{rate_mbps: {term}}}" for number in range(501))
    assert "holds more than 500 baselines" in refusal(f"stages: {{{names}}}", tmp_path)


@given(st.text(max_size=300) | st.sampled_from([*METRICS[Scope.STAGE]]).flatmap(
    lambda metric: st.text(max_size=60).map(lambda text: f"stages: {{s: {{{metric}: {text}}}}}")
))  # fmt: skip
def test_any_text_is_read_or_refused_in_a_sentence(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "baselines.yml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    refused = ""
    try:
        baselines(path)
    except ConfigError as error:
        refused = str(error)
    assert refused.startswith(str(path)) or not refused
