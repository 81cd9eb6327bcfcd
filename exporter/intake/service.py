"""The intake as a whole: its listener, and the thread that makes durable what arrives there."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence

import structlog

from exporter import catalogue
from exporter.intake.commits import Committer
from exporter.intake.payload import Report
from exporter.intake.refusals import Refusals
from exporter.intake.routes import TRIES, UNABLE, Routes
from exporter.samples import Sample
from exporter.web.limits import Limits
from exporter.web.server import Server
from exporter.web.tally import Tally

LIMITS = Limits(
    header_seconds=5.0, body_seconds=5.0, answer_seconds=2.0, max_connections=256, max_requests=0
)
"""Senders are many and short; each waits less for an answer than our own forwarder does."""
DRAIN_SECONDS = 0.2
"""How long pushes under way may take once the process is told to stop."""
_OUTCOMES = {204: "accepted", 401: "unauthorized", 413: "too_large", 429: "overloaded"}
_INVALID = "invalid"


class Intake:
    """Takes pushes on addresses of its own, or from a collector where there are none."""

    def __init__(
        self,
        addresses: Sequence[str],
        decode: Callable[[bytes], Sequence[Report]],
        committer: Committer,
        admits: Callable[[str | None], bool] | None,
        refusals: Refusals,
    ) -> None:
        """Serve nothing yet; without `admits` everybody who reaches the addresses is let in."""
        self._open = admits is None
        self._committer = committer
        self.submit = committer.submit
        routes = Routes(decode, committer.submit, admits or (lambda _: True), refusals.add)
        self.tally = Tally()
        self._server = Server(addresses, routes, LIMITS, self.tally, UNABLE)

    @property
    def addresses(self) -> Sequence[str]:
        """Return the addresses that are listened on, with their real ports."""
        return self._server.addresses

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return self._server.connections

    def start(self) -> None:
        """Begin to listen; raise ConfigError when an address cannot be had."""
        self._server.start()
        self._committer.start()
        if self._open and (exposed := [*filter(is_exposed, self.addresses)]):
            structlog.get_logger("exporter.intake").warning("intake.open", addresses=exposed)

    def stop(self) -> None:
        """Answer what is under way, and end."""
        self._server.stop(DRAIN_SECONDS)
        self._committer.stop()

    def samples(self) -> Iterator[Sample]:
        """Make the counters of what was pushed; every outcome is always there."""
        outcomes = dict.fromkeys((*_OUTCOMES.values(), _INVALID), 0)
        for (path_class, status), count in self.tally.answers().items():
            if path_class == TRIES:
                outcomes[_OUTCOMES.get(status, _INVALID)] += count
        for outcome, count in outcomes.items():
            yield Sample(catalogue.INGEST_REQUESTS, (TRIES, outcome), float(count))


def is_exposed(address: str) -> bool:
    """Tell whether others than this host can reach an address that is listened on."""
    if address.startswith("unix:"):
        return False
    host = address.rpartition(":")[0].strip("[]")
    return not ipaddress.ip_address(host).is_loopback
