"""A registry of prometheus_client that embeds the store tells what the store itself tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.telemetry.adapter import StoreCollector
from exporter.telemetry.text import TEXT
from tests.unit.telemetry.test_formats import LEVELS, SAMPLES, filled, told_by_text, whole


@given(st.lists(SAMPLES), st.lists(LEVELS))
def test_a_registry_that_embeds_the_store_tells_the_same(samples, levels):
    store, _ = filled(samples, levels)
    registry = CollectorRegistry()
    registry.register(StoreCollector(store))
    embedded = told_by_text(text_families(generate_latest(registry).decode()))
    assert embedded == told_by_text(text_families(whole(store, TEXT).decode()))


def test_a_name_that_the_registry_has_already_is_refused():
    registry = CollectorRegistry()
    Counter("things", "Somebody else's.", registry=registry)
    store, _ = filled([])
    with pytest.raises(ValueError, match="things"):
        registry.register(StoreCollector(store))
