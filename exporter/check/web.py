"""What `check` finds of the front door: its addresses, its file, its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Final

from exporter.check.finding import Finding
from exporter.clock import Clock
from exporter.config import Settings
from exporter.errors import ConfigError
from exporter.parts.web import door
from exporter.web.listen import sockets

_SOON_DAYS: Final = 14
_DAY_SECONDS: Final = 86400


def web_findings(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Listen for a moment, and read the web configuration file."""
    if settings.systemd_socket:
        yield Finding("listen address", is_bad=False, text="what systemd hands over")
    else:
        yield _addresses(settings)
    if settings.web_config_file is not None:
        yield from _door(settings, clock)


def _addresses(settings: Settings) -> Finding:
    try:
        for each in sockets(settings.listen_address):
            each.close()
    except ConfigError as error:
        fix = "set --web.listen-address"
        return Finding("listen address", is_bad=True, text=str(error), fix=fix)
    return Finding("listen address", is_bad=False, text=", ".join(settings.listen_address))


def _door(settings: Settings, clock: Clock) -> Iterator[Finding]:
    from exporter.web.door.certificate import expiry  # noqa: PLC0415 - for those who use it

    subject = "web configuration"
    try:
        opened = door(settings, clock)
        config = opened.policy().config if opened else None
        if config is None:
            return
        spoken = "HTTPS" if config.tls else "HTTP"
        text = f"{spoken}, {len(config.users)} users, {len(config.headers)} headers"
        yield Finding(subject, is_bad=False, text=text)
        if config.tls is not None:
            yield _certificate(expiry(config.tls), clock)
    except ConfigError as error:
        yield Finding(subject, is_bad=True, text=str(error), fix="see docs/web.md")


def _certificate(until: float, clock: Clock) -> Finding:
    is_late = until - clock.wall() < _SOON_DAYS * _DAY_SECONDS
    day = datetime.fromtimestamp(until, timezone.utc).date()
    return Finding(
        "certificate", is_bad=False, is_warning=is_late, text=f"is valid until {day}",
        fix="renew it: it is read again when it changes" if is_late else "",
    )  # fmt: skip
