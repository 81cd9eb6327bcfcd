"""How long each of many scrapers waits when all come at once, beside a server that only sends.

`python -m bench.scrapers`: 100,009 lines as text and as gzip; the clients, threads of one other
process, are the same for both servers, and take the processors from both alike.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Final

from bench.exposition import filled, serving
from exporter.telemetry.forms import Form
from exporter.telemetry.text import TEXT

LINES_CHILDREN: Final = 7_693
SCRAPERS: Final = 16
SCRAPES: Final = 20
"""Of each."""
ALONE: Final = 40
GOAL_FLOORS: Final = 20
CODINGS: Final = {"text": "identity", "gzip": "gzip"}
_END = b"\r\n\r\n"


def main() -> None:
    """Let all of them scrape both servers, print."""
    store, _ = filled(LINES_CHILDREN)
    bodies = {
        what: b"".join(store.exposition.body(Form(TEXT, what == "gzip")).blocks)  # type: ignore[union-attr]
        for what in CODINGS
    }
    with get_context("spawn").Pool(1) as clients, serving(store) as port:
        for what, coding in CODINGS.items():
            with _only_sending(bodies[what]) as bare:
                ours, theirs = (clients.apply(_scraped, (each, coding)) for each in (port, bare))
            _tell(what, ours, theirs)


def _tell(what: str, ours: tuple[float, float], theirs: tuple[float, float]) -> None:
    for server, (floor, together) in (("this exporter", ours), ("only sendall", theirs)):
        print(
            f"{what}, {server}: alone {floor * 1000:.1f} ms at best, "
            f"{SCRAPERS} at a time {together * 1000:.1f} ms (p50): {together / floor:.1f} x"
        )
    mark = "kept" if ours[1] <= GOAL_FLOORS * ours[0] else "MISSED"
    print(
        f"{what}, {SCRAPERS} scrapers: {ours[1] / theirs[1]:.1f} x those of only sendall; ", end=""
    )
    print(f"{ours[1] / ours[0]:.1f} x alone ({mark} <= {GOAL_FLOORS})")


def _scraped(port: int, coding: str) -> tuple[float, float]:
    """Return the seconds of the fastest scrape alone, and of the median one among many."""
    request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {coding}\r\n\r\n".encode()
    once = partial(_read, port, request)
    alone = min(once(1)[0] for _ in range(ALONE))
    with ThreadPoolExecutor(SCRAPERS) as pool:
        found = list(pool.map(once, [SCRAPES] * SCRAPERS))
    return alone, median(each for of_one in found for each in of_one)


def _read(port: int, request: bytes, times: int) -> list[float]:
    """Scrape on one connection, one after the other; keep nothing."""
    buffer, taken = bytearray(1 << 20), []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(times):
            began = perf_counter()
            connection.sendall(request)
            head = b""
            while _END not in head:
                head += connection.recv(1 << 16)
            start, _, rest = head.partition(_END)
            left = int(start.lower().partition(b"content-length: ")[2].split()[0]) - len(rest)
            while left:
                left -= connection.recv_into(buffer)
            taken.append(perf_counter() - began)
    return taken


@contextmanager
def _only_sending(body: bytes) -> Iterator[int]:
    """Yield the port of a server that does nothing but send: a thread for each client."""
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        Thread(target=_accept, args=(listening, answer), daemon=True).start()
        yield listening.getsockname()[1]


def _accept(listening: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # The server is closed.
            return
        Thread(target=_send, args=(connection, answer), daemon=True).start()


def _send(connection: socket.socket, answer: bytes) -> None:
    with connection:
        while connection.recv(1 << 16):
            connection.sendall(answer)


if __name__ == "__main__":
    main()
