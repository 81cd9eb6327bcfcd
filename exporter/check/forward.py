"""What `check` finds of the exporter that takes over what tries used."""

from __future__ import annotations

from http import HTTPStatus

from exporter.check.finding import Finding
from exporter.config import Settings
from exporter.errors import SourceUnavailableError
from exporter.parts.tasks import receiver

_FORBIDDEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def forward_finding(settings: Settings, url: str) -> Finding:
    """Send it nothing, which nobody takes for totals; raise ConfigError where `serve` would."""
    to = receiver(settings, url)
    try:
        status = to.status(b"")
    except SourceUnavailableError as error:
        fix = "let it take pushes (--web.enable-intake), where we reach it"
        return Finding("forward", is_bad=True, text=str(error), fix=fix)
    # That there was nothing in it is the last thing that an intake finds wrong.
    if status == HTTPStatus.BAD_REQUEST:
        return Finding("forward", is_bad=False, text=f"{to} takes over what tries used")
    if status in _FORBIDDEN:
        fix = "give --forward.token-file the receiver's token"
    else:
        fix = "give --forward.url the address of an intake (--web.intake-address)"
    return Finding("forward", is_bad=True, text=f"{to} answered {status}", fix=fix)
