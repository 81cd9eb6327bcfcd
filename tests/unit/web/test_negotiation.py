"""Negotiation: who asks for what gets what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.accept import MOST_ENTRIES, accepted
from exporter.web.negotiation import OFFERS, Choice, choices

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
NEWER = "text/plain; version=1.0.0; charset=utf-8"


def negotiated(headers: dict[str, str]) -> Choice:
    """Return what is answered to a request with these headers."""
    return choices(headers)[0]


def content_type(accept: str) -> str:
    """Return the content type that is answered."""
    return negotiated({"accept": accept}).content_type


def packed(codings: str) -> bool:
    """Tell whether the answer is packed."""
    choice = negotiated({"accept-encoding": codings})
    assert choice.form.packed == (("Content-Encoding", "gzip") in choice.headers)
    return choice.form.packed


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "text/*",
        "TEXT/PLAIN",
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain; VERSION=\"0.0.4\"",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/plain;version=0.0.5",
        "text/plain;version=abc",
        "image/png",
        "application/openmetrics-text;q=0",
        "text/plain;version=1.0.0;q=0",
        "*/*;q=0",
        "text/plain;q=0, */*;q=0.0",
        "text/plain;q=nan",
        "text/plain;version=1.0.0;q=-1",
        "text/plain;version=1.0.0;q=0.3, text/plain;version=0.0.4;q=0.4",
        "",
        ",;,=;q=,",
    ],
)  # fmt: skip
def test_the_text_format_is_for_everyone(accept: str) -> None:
    assert content_type(accept) == PLAIN


def test_without_an_accept_header_there_is_text() -> None:
    choice = negotiated({})
    assert (choice.content_type, choice.form.packed) == (PLAIN, False)
    assert choice.headers == (("Vary", "Accept, Accept-Encoding"),)


@pytest.mark.parametrize(
    ("accept", "escaping"),
    [
        ("text/plain;version=1.0.0", "underscores"),
        ("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3",
         "allow-utf-8"),
        ("text/plain;version=1.0.0;escaping=values", "values"),
        ("text/plain;version=1.0.0;escaping=evil\r\nX: y", "underscores"),
        ("text/plain;version=0.0.4;q=0, */*", "underscores"),
    ],
)  # fmt: skip
def test_the_newer_text_names_an_escaping_that_exists(accept: str, escaping: str) -> None:
    assert content_type(accept) == f"{NEWER}; escaping={escaping}"


@pytest.mark.parametrize(
    ("codings", "answer"),
    [
        ("gzip", True), ("GZIP", True), ("x-gzip", True), ("*", True), ("br, gzip;q=0.5", True),
        ("gzip;q=1.0, identity; q=0.5, *;q=0", True), ("gzip, deflate, br", True),
        ("", False), ("identity", False), ("gzip;q=0", False), ("gzip;q=0.000", False),
        ("*, gzip;q=0", False), ("*;q=0", False), ("identity, gzip;q=0.9", False),
        ("gzip;q=much", False), ("gzipped", False), ("br", False), ("zstd", False),
    ],
)  # fmt: skip
def test_gzip_is_for_those_who_take_it(codings: str, answer: bool) -> None:
    assert packed(codings) is answer


HEADER = st.text(
    st.sampled_from('text/plain*;q=0.15,version=" \t\\application/openmetrics-\x80\xff'),
    max_size=80,
)


@given(HEADER, HEADER)
def test_whatever_is_asked_the_answer_is_one_of_ours(accept: str, codings: str) -> None:
    choice = negotiated({"accept": accept, "accept-encoding": codings})
    assert choice.form.format in {offer.format for offer in OFFERS}
    assert choice.content_type.partition(";")[0] in {offer.media_type for offer in OFFERS}
    assert choice.content_type.isascii()
    assert choice.content_type.isprintable()


DELIMITED = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
NAMED = {
    "text/plain;version=0.0.4": PLAIN,
    "text/plain;version=1.0.0": f"{NEWER}; escaping=underscores",
    "application/openmetrics-text;version=0.0.1": OPENMETRICS.replace("1.0.0", "0.0.1"),
    "application/openmetrics-text;version=1.0.0": OPENMETRICS,
    f"{DELIMITED};encoding=delimited": f"{DELIMITED};encoding=delimited".replace(";", "; "),
}


@given(
    st.permutations(sorted(NAMED)),
    st.lists(st.integers(101, 999), min_size=len(NAMED), max_size=len(NAMED), unique=True),
)
def test_of_named_formats_the_highest_weight_wins_in_any_order(names, weights) -> None:
    by_weight = dict(zip(weights, names, strict=True))
    header = ",".join(f"{name};q=0.{weight}" for weight, name in by_weight.items())
    assert content_type(f"*/*;q=0.1,{header}") == NAMED[by_weight[max(weights)]]


@given(st.permutations(sorted(NAMED)))
def test_of_equal_weights_the_first_named_wins_and_wildcards_come_last(names) -> None:
    assert content_type(f"*/*,text/*,{','.join(names)}") == NAMED[names[0]]


# As Prometheus 2.42 sends it, with and without native histograms, and Prometheus 3.
TEXTS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
NATIVE = f"{DELIMITED};encoding=delimited,{TEXTS}"
THREE = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,/;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        (TEXTS, OPENMETRICS),
        (THREE, f"{OPENMETRICS}; escaping=allow-utf-8"),
        (NATIVE, f"{DELIMITED};encoding=delimited".replace(";", "; ")),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/*", OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.5", PLAIN),
        (f"{DELIMITED};encoding=text,text/plain;q=0.5", PLAIN),
        ("application/vnd.google.protobuf,text/plain;q=0.5", PLAIN),
        (f"{DELIMITED};encoding=delimited;q=0,*/*", PLAIN),
    ],
)
def test_scrapers_get_what_they_ask_for(accept: str, answer: str) -> None:
    assert content_type(accept) == answer


def test_all_that_suits_is_told_the_best_first() -> None:
    accept = "text/plain;q=0.2, application/openmetrics-text;version=1.0.0;q=0.9"
    found = choices({"accept": accept, "accept-encoding": "gzip"})
    assert [each.content_type.partition(";")[0] for each in found] == [
        "application/openmetrics-text", "text/plain", "text/plain"
    ]  # fmt: skip
    assert all(each.form.packed for each in found)


def test_a_header_of_thousands_of_entries_costs_no_more_than_a_long_one() -> None:
    assert len(list(accepted("a," * 8000))) == MOST_ENTRIES
    assert content_type("image/png," * MOST_ENTRIES + "application/openmetrics-text") == PLAIN
    (entry,) = accepted("a;" + "b=c;" * 4000 + "q=0")
    assert (entry.name, entry.weight) == ("a", 1.0)
