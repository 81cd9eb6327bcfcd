"""Tests of the judge of metrics and rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.promtool import (
    NO_PROMTOOL,
    check_metrics,
    check_rules,
    promtool_binary,
    rule_failures,
)
from tests.support.require import require

_RULES = 'groups: [{name: a, rules: [{record: "b:c", expr: "vector(1)"}]}]\n'
_TEST = """
rule_files: [rules.yml]
tests:
  - promql_expr_test: [{expr: "b:c", eval_time: 1m, exp_samples: [{labels: "b:c", value: VALUE}]}]
"""


@pytest.fixture(autouse=True)
def _promtool() -> None:
    require(promtool_binary(), NO_PROMTOOL)


def test_promtool_has_nothing_against_good_metrics() -> None:
    assert check_metrics("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n") == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# HELP a A.\n# TYPE a counter\na 1\n", "_total"),
        ("# TYPE a gauge\na 1\n", "no help text"),
        ('a{b="c"\n', "parsing error"),
    ],
)
def test_promtool_complains_of_bad_metrics(text: str, complaint: str) -> None:
    assert any(complaint in line for line in check_metrics(text))


def test_promtool_checks_and_runs_rules(tmp_path: Path) -> None:
    rules, good, bad = (tmp_path / name for name in ("rules.yml", "good.yml", "bad.yml"))
    rules.write_text(_RULES)
    good.write_text(_TEST.replace("VALUE", "1"))
    bad.write_text(_TEST.replace("VALUE", "2"))
    assert check_rules(rules) == []
    assert rule_failures(good) == []
    assert rule_failures(bad) != []
    rules.write_text(_RULES.replace("vector(1)", "vector("))
    assert check_rules(rules) != []
