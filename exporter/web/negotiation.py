"""Which form of the exposition a scraper gets.

Source: Prometheus documentation, "Scrape protocol content negotiation"; weights as in RFC 9110.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.telemetry.forms import Form, Format
from exporter.telemetry.openmetrics import OPENMETRICS
from exporter.telemetry.protobuf import PROTOBUF
from exporter.telemetry.text import TEXT
from exporter.web.accept import Accepted, accepted

VARY: Final = ("Vary", "Accept, Accept-Encoding")
_ESCAPINGS: Final = frozenset({"allow-utf-8", "underscores", "dots", "values"})
"""Ways to write names outside of ASCII: we have none, so every one of them is the same to us."""
_DEFAULT_ESCAPING: Final = "underscores"


@dataclass(frozen=True, slots=True)
class Offer:
    """One format under one media type; `required` parameters must be asked for by name."""

    format: Format
    media_type: str
    version: str | None = None
    required: tuple[tuple[str, str], ...] = ()
    escaped: bool = False
    """Whether the content type names an escaping, as the version demands it."""

    def specificity(self, asked: Accepted) -> int | None:
        """Return how closely an entry names this offer, from 0; None when it does not."""
        if asked.name == self.media_type:
            version = asked.parameters.get("version")
            if version not in (None, self.version):
                return None
            if any(asked.parameters.get(name) != value for name, value in self.required):
                return None
            return 2 if version is None else 3
        if self.required:
            return None
        return {"*/*": 0, f"{self.media_type.partition('/')[0]}/*": 1}.get(asked.name)


_PLAIN: Final = Offer(TEXT, "text/plain", "0.0.4")
OFFERS: Final = (
    _PLAIN,
    Offer(TEXT, "text/plain", "1.0.0", escaped=True),
    Offer(OPENMETRICS, "application/openmetrics-text", "1.0.0"),
    Offer(OPENMETRICS, "application/openmetrics-text", "0.0.1"),
    Offer(
        PROTOBUF,
        "application/vnd.google.protobuf",
        required=(("proto", "io.prometheus.client.MetricFamily"), ("encoding", "delimited")),
    ),
)
"""In the order in which they are preferred when nothing else decides."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The form to send, and the headers that tell of it."""

    form: Form
    content_type: str
    headers: tuple[tuple[str, str], ...]


def choices(headers: Mapping[str, str]) -> Sequence[Choice]:
    """Return all that suits a request with these headers, the best first.

    The highest weight wins, then what is named over what a wildcard covers, then the order of the
    client. Who accepts nothing that there is gets text 0.0.4, as the specification has it.
    """
    offers = _ranked(list(accepted(headers.get("accept", "*/*"))))
    packed = _takes_gzip(accepted(headers.get("accept-encoding", "")))
    return [
        Choice(
            Form(offer.format, packed),
            _content_type(offer, parameters),
            (VARY, ("Content-Encoding", "gzip")) if packed else (VARY,),
        )
        for offer, parameters in offers
    ]


def _ranked(asked: list[Accepted]) -> list[tuple[Offer, Mapping[str, str]]]:
    found: list[tuple[tuple[float, bool, int], Offer, Mapping[str, str]]] = []
    for offer in OFFERS:
        fits = [
            (specificity, -position)
            for position, entry in enumerate(asked)
            if (specificity := offer.specificity(entry)) is not None
        ]
        if not fits:
            continue
        # The entry that names an offer most closely tells its weight: 0 forbids it.
        specificity, order = max(fits)
        entry = asked[-order]
        if entry.weight > 0:
            found.append(((entry.weight, specificity > 1, order), offer, entry.parameters))
    # Of equals the first offer stays the first.
    found.sort(key=lambda each: each[0], reverse=True)
    return [(offer, parameters) for _, offer, parameters in found] or [(_PLAIN, {})]


def _content_type(offer: Offer, parameters: Mapping[str, str]) -> str:
    parts = [offer.media_type, *(f"{name}={value}" for name, value in offer.required)]
    if offer.version is not None:
        parts += [f"version={offer.version}", "charset=utf-8"]
    escaping = parameters.get("escaping")
    if escaping in _ESCAPINGS:
        parts.append(f"escaping={escaping}")
    elif offer.escaped:
        parts.append(f"escaping={_DEFAULT_ESCAPING}")
    return "; ".join(parts)


def _takes_gzip(codings: Iterable[Accepted]) -> bool:
    weights = {coding.name: coding.weight for coding in codings}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)
