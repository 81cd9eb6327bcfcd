"""Actuals of a live exporter: one scrape, read with Prometheus' own parser."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

from prometheus_client.parser import text_string_to_metric_families

from exporter import catalogue
from exporter.client import Client
from exporter.errors import SourceUnavailableError
from exporter.insight.baselines.baseline import Baseline, Key
from exporter.insight.baselines.present import Present, Scraped, read_names

DEFAULT_PATH = "/metrics"
"""Where a URL names no path."""
MAX_BYTES = 64 * 2**20
MAX_SERIES = 200_000
"""Of those that tell something of baselines."""
_ACCEPT = "text/plain;version=0.0.4"
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def actuals(client: Client, baselines: Iterable[Baseline], metric_prefix: str) -> dict[Key, float]:
    """Scrape once; raise SourceUnavailableError when that is no scrape of an exporter."""
    target = DEFAULT_PATH if client.to.target == "/" else client.to.target
    text = client.good_answer(target, _ACCEPT, MAX_BYTES).decode("utf-8", "replace")
    wanted = read_names(metric_prefix) | {catalogue.BUILD_INFO.name}
    try:
        found = scraped(text, wanted)
    except ValueError:
        message = f"{client.to} did not answer with metrics"
        raise SourceUnavailableError(message) from None
    if all(each.name != catalogue.BUILD_INFO.name for each in found):
        message = f"{client.to} did not answer with an exporter's metrics: is it their address?"
        raise SourceUnavailableError(message)
    return Present(found, metric_prefix).actuals(baselines)


def scraped(text: str, names: Collection[str]) -> list[Scraped]:
    """Return the series of these names that have a value; the others are not parsed.

    There may be many; and beside NaN no other value would be the largest. Raises ValueError for
    what is no text exposition.
    """
    lines = [line for line in text.split("\n") if _name(line) in names][:MAX_SERIES]
    families = text_string_to_metric_families("".join(f"{line}\n" for line in lines))
    try:
        return [
            Scraped(each.name, each.labels, each.value)
            for family in families
            for each in family.samples
            if not math.isnan(each.value)
        ]
    # What the parser stumbles over where it does not look.
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError from error


def _name(line: str) -> str:
    found = _NAME.match(line)
    return found[0] if found else ""
