"""Actuals of a Prometheus server: an instant query a baseline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from exporter import catalogue
from exporter.client import Client
from exporter.errors import ConfigError, SourceUnavailableError
from exporter.insight.baselines.baseline import Baseline, Key
from exporter.insight.baselines.queries import Series, actual

MAX_BYTES = 2**20
# As far back as windows go: the past of an exporter that is away is there.
_INSTALLATIONS = f"count by (airflow) (last_over_time({catalogue.BUILD_INFO.name}[7d]))"
_JSON = "application/json"
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


def actuals(client: Client, baselines: Iterable[Baseline], series: Series) -> dict[Key, float]:
    """Ask for every baseline; raise SourceUnavailableError.

    Raises ConfigError where several installations answer and none is chosen, where there is none
    of the chosen name, or where Prometheus refuses a query.
    """
    found = {}
    for each in baselines:
        found_by = vector(client, actual(each, series), str(each.key))
        values = {labels.get("airflow", ""): value for labels, value in found_by}
        if len(values) > 1:
            names = ", ".join(sorted(values))[:200]
            message = f"{client.to} knows several installations: choose one by --airflow: {names}"
            raise ConfigError(message)
        for value in values.values():
            found[each.key] = value
    if not found and series.airflow is not None:
        _require_installation(client, series.airflow)
    return found


def _require_installation(client: Client, name: str) -> None:
    """Raise ConfigError for an installation that nothing was scraped of: a slip."""
    there = {labels.get("airflow", "") for labels, _ in vector(client, _INSTALLATIONS, "--airflow")}
    if name not in there:
        names = ", ".join(sorted(there - {""}))[:200] or "none with this label"
        message = f"--airflow {name}: {client.to} knows no such installation; there are {names}"
        raise ConfigError(message)


def vector(
    client: Client, query: str, what: str, max_bytes: int = MAX_BYTES
) -> list[tuple[Mapping[str, str], float]]:
    """Return labels and value of every element of an instant query's result.

    Raises SourceUnavailableError, and ConfigError naming `what` where the query is refused.
    """
    path = client.to.target.rstrip("/")
    target = f"{path}/api/v1/query?{urlencode({'query': query})}"
    status, body = client.answer(target, _JSON, max_bytes)
    if status in _REFUSED:
        message = f"{what}: {client.to} refuses its query: {query}"
        raise ConfigError(message)
    if status != HTTPStatus.OK:
        message = f"{client.to} answered {status}"
        raise SourceUnavailableError(message)
    try:
        return [(_labels(each), float(each["value"][1])) for each in _result(body)]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        message = f"{client.to} did not answer as Prometheus does"
        raise SourceUnavailableError(message) from None


def _result(body: bytes) -> list[Any]:
    data = json.loads(body)["data"]
    if data["resultType"] != "vector":
        raise ValueError
    result: list[Any] = data["result"]
    return result


def _labels(element: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    return {str(name): str(value) for name, value in element["metric"].items()}
