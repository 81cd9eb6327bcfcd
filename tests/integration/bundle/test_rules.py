"""The recording rules, by promtool: the shipped ones, and those for a file of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exporter import catalogue
from exporter.bundle import pages, rules
from exporter.insight.baselines.file import baselines
from tests.support.promtool import NO_PROMTOOL, check_rules, promtool_binary, rule_failures
from tests.support.require import require

ROOT = Path(__file__).parents[3]
BUNDLED = ROOT / "grafana/rules"
TESTS = ROOT / "tests/rules"


@pytest.fixture
def promtool():
    require(promtool_binary(), NO_PROMTOOL)


@pytest.fixture
def own(tmp_path):
    """Write the rules for a baselines file that uses everything, and their tests beside them."""
    found = baselines(TESTS / "own-baselines.yml")
    pages.written(rules.pages(found, "airflow_container"), tmp_path)
    shutil.copy(TESTS / "own.yml", tmp_path)
    return tmp_path


def test_the_bundled_rules_are_what_the_code_says():
    written = rules.pages(baselines(None), catalogue.CONTAINER_PREFIX)
    assert pages.outdated(written, BUNDLED) == []


def test_the_bundled_rules_are_good_and_judge_the_guides_cases_rightly(promtool):
    assert check_rules(BUNDLED / "baselines.yml") == []
    assert rule_failures(TESTS / "baselines.yml") == []


def test_rules_for_a_file_of_ones_own_are_good_and_do_what_it_says(promtool, own):
    assert check_rules(own / "baselines.yml") == []
    assert rule_failures(own / "own.yml") == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("and on (airflow, dag_id, task_id)", "or"),
        (" > 0))[", "))["),
        ("max by (airflow)", "max"),
        ('dag_id="", ', ""),
        ("(1 - max by", "(1 + max by"),
        ("quantile_over_time(0.95, c", "max_over_time(c"),
    ],
)
def test_a_change_of_the_rules_fails_their_tests(promtool, tmp_path, good, bad):
    text = (BUNDLED / "baselines.yml").read_text()
    assert good in text
    bundled, tests = tmp_path / "grafana/rules", tmp_path / "tests/rules"
    for directory in (bundled, tests):
        directory.mkdir(parents=True)
    (bundled / "baselines.yml").write_text(text.replace(good, bad))
    shutil.copy(TESTS / "baselines.yml", tests)
    assert rule_failures(tests / "baselines.yml") != []
