"""Names of pipelines and stages, wherever they come from."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.rows.claim import Claim, Source
from exporter.rows.dbt import Invocation, Node
from exporter.rows.names import MAX_NAME, is_name
from exporter.rows.stages import Place, place
from exporter.rows.told import Names, told

GOOD = ["bronze", "Röh", "売上", "a b", 'a"b', "a$b", "__others__", "x" * MAX_NAME]
BAD = [
    "", " ", " a", "a ", "__other__", "x" * (MAX_NAME + 1), "a\nb", "a\u200bb", "a\u200db",
    "\u202egold", "\u2066a\u2069", "a\ufeff", "a\u00adb", "a\u2028b", "a\u00a0b", "\u3164",
    "\u115f", "a\ufe0f", "a\u034fb", "a\U000e0101", "\ud800", "\u2800",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_people_can_tell_apart_is_a_name(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_seen_or_is_taken_is_none(text: str) -> None:
    assert not is_name(text)


@given(st.text(max_size=10))
def test_no_name_holds_a_control_or_a_format_character(text: str) -> None:
    kinds = {unicodedata.category(each) for each in text}
    if kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        assert not is_name(text)


@pytest.mark.parametrize("text", [each for each in BAD if each.strip() == each])
def test_a_source_that_tells_such_a_name_has_told_none(text: str) -> None:
    claim = told({"rows": 1, "pipeline": text, "stage": text}, Names())
    assert claim == Claim(Source.XCOM, rows=1)
    assert place("dag", "load_br", [f"pipeline:{text}"]) == Place("dag", "bronze")


def test_a_project_of_dbt_with_such_a_name_is_unknown() -> None:
    nodes = [Node(name, "m", None, 1, None, 1.0) for name in ("a\u202eb", "a\u202eb", "toy")]
    assert Invocation("one", None, tuple(nodes), "success").project == "toy"  # type: ignore[arg-type]
    assert Invocation("one", None, tuple(nodes[:2]), "success").project == "unknown"  # type: ignore[arg-type]
