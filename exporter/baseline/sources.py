"""Where the actuals come from: exactly one of a live exporter, a Prometheus server, a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exporter.baseline import live, server, told
from exporter.client import Access, Client
from exporter.errors import ConfigError
from exporter.insight.baselines.baseline import Baseline, Key
from exporter.insight.baselines.queries import Series


@dataclass(frozen=True, slots=True)
class Source:
    """What the user named."""

    url: str | None = None
    prometheus: str | None = None
    actuals: Path | None = None
    series: Series = field(default_factory=Series)
    access: Access = field(default_factory=Access)


def actuals(source: Source, baselines: Sequence[Baseline]) -> dict[Key, float]:
    """Return the actuals that the source knows; raise ConfigError or SourceUnavailableError."""
    if sum(each is not None for each in (source.url, source.prometheus, source.actuals)) != 1:
        message = "give one of --url, --prometheus and --actuals"
        raise ConfigError(message)
    if source.prometheus is not None:
        client = Client(source.prometheus, "--prometheus", source.access)
        return server.actuals(client, baselines, source.series)
    if source.series.airflow is not None:
        message = "--airflow: chooses what --prometheus is asked for"
        raise ConfigError(message)
    if source.url is not None:
        client = Client(source.url, "--url", source.access)
        return live.actuals(client, baselines, source.series.metric_prefix)
    path = source.actuals or Path()
    return told.actuals(path, "--actuals", {each.key for each in baselines})
