"""The bounds that keep any client from holding the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bound what clients may hold; the defaults suit a daemon that a few Prometheus servers read.

    `handshake_seconds` is the time for a TLS handshake, of which `max_handshakes` go on at a time.
    Whoever finds a limit reached takes the place of the one that has kept us waiting the longest:
    a handshake, a connection without a request, or, after `patience_seconds`, a reader that does
    not read. Only where nobody waits is it turned away.

    `stall_seconds` is the time in which a client must take one slice of an answer, so the slowest
    reader that is served takes `outgoing.SLICE_BYTES` in it. `answer_seconds` bounds the wait for
    an answer that another thread makes, where the client does not say how long it waits itself; it
    is believed up to `most_answer_seconds`. `max_requests` 0 means unlimited, as in node_exporter.
    """

    header_bytes: int = 16 * 1024
    handshake_seconds: float = 5.0
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    answer_seconds: float = 10.0
    most_answer_seconds: float = 60.0
    idle_seconds: float = 10.0
    stall_seconds: float = 10.0
    linger_seconds: float = 1.0
    patience_seconds: float = 0.5
    max_connections: int = 512
    max_handshakes: int = 24
    max_requests: int = 40
