"""What we take for a regular expression Prometheus takes as well, and reads alike."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.insight.baselines.dialect import MAX_CHARACTERS, compiled
from exporter.insight.baselines.queries import quoted
from tests.support.promtool import NO_PROMTOOL, check_rules, promtool_binary
from tests.support.require import require

TAKEN = [
    "", "scheduler", r"(.*[-_])?scheduler([-_][0-9]+)?", "a|b|", "(?:a|b)+?", r"\d{1,3}", "a{0}",
    "a{2,}?", "a{1000}", "(a{10}){100}", r"[^a-z\d_-]", "[-a]", r"[\]\[]", r"^a\.b\$$", r"\bx\B",
    "é+", "a b", r"\-\_\ ", "[.$*]",
]  # fmt: skip
REFUSED = [
    "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", r"(a)\1", r"(?P<n>a)(?P=n)", "(?P<n>a)", r"a\Z",
    r"\Aa", "a*+", "a++", "a?+", "a{2}+", "(?>a)", "(a)?(?(1)b|c)", "(?i)a", "(?i:a)", "(?#a)",
    "a{1001}", "(a{100}){11}", "a{,3}", "a{01}", "a{", "a}", "a{1,2", "*a", "a**", "a|*", "(*a)",
    "^*", "[]", "[^]", "[]a]", "[[:alpha:]]", "[a&&b]", "[z-a]", r"[a-\d]", "(", ")", "a\\",
    r"\x41", r"\u0041", r"\N{DASH}", r"\p{L}", r"\Q.\E", r"\C", "a\nb", "a\u200bb", "a{3,2}",
    "x" * (MAX_CHARACTERS + 1),
]  # fmt: skip
_PIECES = [
    "a", "b", "z", "0", "1", "9", ".", "|", "(", "(?:", "(?", ")", "[", "[^", "]", "-", "^", "$",
    "*", "+", "?", "{", "}", ",", "{2}", "{0,1}", "{3,}", "{999}", "{500}", r"\d", r"\W", r"\s",
    r"\b", "\\", r"\.", r"\-", r"\]", r"\^", r"\_", "&", "~", "=", "!", "<", ":", "#", " ", "é",
    "P", "Z", r"\Z", "[a-z]", r"[^\w.-]", "(a|b)", "\u4e2d", "\U0001f600",
]  # fmt: skip
_PATTERNS = st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)


def is_taken(text: str) -> bool:
    try:
        compiled(text)
    except ValueError:
        return False
    return True


def complaints(patterns: list[str]) -> list[str]:
    """Return what Prometheus says against rules with these patterns."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "rules.yml"
        rules = [
            {"record": f"a:b{number}", "expr": f"m{{l=~{quoted(text)}}}"}
            for number, text in enumerate(patterns)
        ]
        groups = {"groups": [{"name": "g", "rules": rules}]}
        file.write_text(json.dumps(groups, ensure_ascii=False), "utf-8")
        return check_rules(file)


@pytest.fixture(autouse=True)
def _promtool() -> None:
    require(promtool_binary(), NO_PROMTOOL)


def test_what_both_know_is_taken() -> None:
    assert [text for text in TAKEN if not is_taken(text)] == []
    assert complaints(TAKEN) == []


@pytest.mark.parametrize("text", REFUSED)
def test_what_one_of_them_does_not_know_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a regular expression [^\n]*$"):
        compiled(text)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_PATTERNS, min_size=10, max_size=50))
def test_what_is_taken_prometheus_takes(texts: list[str]) -> None:
    assert complaints([text for text in texts if is_taken(text)]) == []


@given(_PATTERNS.filter(is_taken), st.text("abz019-_. é", max_size=6))
def test_it_is_read_as_python_reads_it_in_ascii(text: str, name: str) -> None:
    found = re.compile(text, re.ASCII | re.DOTALL).fullmatch(name)
    assert (compiled(text).fullmatch(name) is None) == (found is None)
