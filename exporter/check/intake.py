"""What `check` finds of the intake: its addresses, and who is let in."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.check.finding import Finding
from exporter.config import Settings
from exporter.errors import ConfigError
from exporter.intake.service import is_exposed
from exporter.logs import Redactor
from exporter.parts.intake import token
from exporter.web.listen import shown, sockets


def intake_findings(settings: Settings, redactor: Redactor) -> Iterator[Finding]:
    """Listen for a moment and read the token."""
    path = settings.intake_token_file
    if path is not None:
        try:
            token(path, redactor)
        except ConfigError as error:
            yield Finding(
                "intake token", is_bad=True, text=str(error),
                fix="put one token there, readable for us alone",
            )  # fmt: skip
    try:
        bound = sockets(settings.intake_address)
    except ConfigError as error:
        yield Finding("intake", is_bad=True, text=str(error), fix="set --web.intake-address")
        return
    addresses = [shown(each) for each in bound]
    for each in bound:
        each.close()
    is_open = path is None and any(map(is_exposed, addresses))
    yield Finding(
        "intake", is_bad=False, is_warning=is_open,
        text=f"takes pushes on {', '.join(addresses)}"
        + (" from whoever can reach it" if is_open else ""),
        fix="set --web.intake-token-file, or listen on loopback" if is_open else "",
    )  # fmt: skip
