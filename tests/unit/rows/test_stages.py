"""Under which pipeline and stage data counts."""

from __future__ import annotations

import re

import pytest

from exporter.rows.stages import Place, Rule, is_expected, place, stage_named

RULES = (
    Rule(dag=re.compile("sales_.*"), pipeline="sales"),
    Rule(dag=re.compile("sales_eu"), task=re.compile("land"), pipeline="europe", stage="bronze"),
)


def test_what_was_said_goes_before_rules_tags_and_names() -> None:
    tags = ("pipeline:tagged", "gold")
    said = place("sales_eu", "sl_load", tags, RULES, pipeline="said", stage="stated")
    assert said == Place("said", "stated")
    assert place("sales_eu", "land", tags, RULES) == Place("sales", "bronze")
    assert place("sales_eu", "sl_load", tags, RULES) == Place("sales", "gold")
    assert place("other", "sl_load", tags, RULES) == Place("tagged", "gold")
    assert place("other", "sl_load") == Place("other", "silver")
    assert place("other", "load") == Place("other", "unknown")


def test_a_rule_matches_whole_ids() -> None:
    assert place("my_sales_eu", "land", rules=RULES) == Place("my_sales_eu", "unknown")
    assert place("sales_eu", "landing", rules=RULES) == Place("sales", "unknown")


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("bronze", "bronze"), ("load_br", "bronze"), ("group.sl_orders", "silver"),
        ("sv-orders", "silver"), ("GD_orders", "gold"), ("wh_gold.orders", "gold"),
        ("bronze_to_silver", "silver"), ("golden", None), ("abroad", None), ("", None),
    ],
)  # fmt: skip
def test_a_stage_is_a_whole_word_of_a_name(name: str, stage: str | None) -> None:
    assert stage_named(name) == stage


def test_an_empty_pipeline_tag_names_nothing() -> None:
    assert place("d", "t", ("pipeline:",)) == Place("d", "unknown")


def test_only_a_rule_that_names_tasks_expects_them_to_tell() -> None:
    assert is_expected("sales_eu", "land", RULES)
    assert not is_expected("sales_eu", "check", RULES)
    assert not is_expected("sales_us", "land", RULES)
