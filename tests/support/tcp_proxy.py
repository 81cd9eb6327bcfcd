"""A TCP proxy on the loopback that can stall, refuse and drop what runs through it."""

from __future__ import annotations

import contextlib
import socket
from threading import Condition, Thread

from tests.support.ports import free_port

_CHUNK_BYTES = 65536


class TcpProxy:
    """Forward connections to one target until told otherwise.

    `stall` keeps connections open but lets no byte through, either way, as a peer that
    hangs does (the kernel still answers keepalives); `refuse` closes the door to new
    connections; `drop` closes the open ones; `resume` undoes `stall` and `refuse`.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        """Listen on a port of 127.0.0.1 and forward to the target."""
        self.port = free_port()
        self._target = (target_host, target_port)
        self._changed = Condition()
        self._flowing = True
        self._accepted = 0
        self._links: set[_Link] = set()
        self._listener: socket.socket | None = None
        self._door: Thread | None = None
        self._open_door()

    def __enter__(self) -> TcpProxy:
        """Return the proxy, forwarding."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the proxy."""
        self.close()

    @property
    def accepted(self) -> int:
        """Return how many connections were ever accepted."""
        return self._accepted

    @property
    def open(self) -> int:
        """Return how many connections are open."""
        return len(self._links)

    def wait_accepted(self, count: int, timeout: float = 10) -> None:
        """Wait until `count` connections were accepted in all; raise TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._accepted >= count, timeout):
                raise TimeoutError(f"{self._accepted} of {count} connections in {timeout} s")

    def stall(self) -> None:
        """Let no byte through from now on; connections stay open and new ones are accepted."""
        with self._changed:
            self._flowing = False

    def refuse(self) -> None:
        """Refuse new connections; the open ones go on."""
        if self._listener is None or self._door is None:
            return
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() does not
        self._door.join()
        self._listener.close()
        self._listener = self._door = None

    def resume(self) -> None:
        """Forward again: what was held back goes out, and new connections are accepted."""
        with self._changed:
            self._flowing = True
            self._changed.notify_all()
        if self._listener is None:
            self._open_door()

    def drop(self) -> None:
        """Close every open connection, stalled ones too, and wait until they are gone."""
        with self._changed:
            links = list(self._links)
            for link in links:
                link.close()
            self._changed.notify_all()
        for link in links:
            link.thread.join()

    def close(self) -> None:
        """Refuse and drop everything; no thread and no socket is left."""
        self.refuse()
        self.drop()

    def _open_door(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        self._door = Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._door.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            link = _Link(client)
            link.thread = Thread(target=self._serve, args=(link,), daemon=True)
            with self._changed:
                self._accepted += 1
                self._links.add(link)
                link.thread.start()
                self._changed.notify_all()

    def _serve(self, link: _Link) -> None:
        try:
            link.connect(self._target)
            back = Thread(target=self._pump, args=(link, link.server, link.client), daemon=True)
            back.start()
            self._pump(link, link.client, link.server)
            back.join()
        except OSError:
            pass  # the target is away: the client sees its connection closed
        finally:
            link.release()
            with self._changed:
                self._links.discard(link)

    def _pump(self, link: _Link, source: socket.socket, sink: socket.socket) -> None:
        # An end and an error are news too: while stalled, the other side learns of neither.
        try:
            while chunk := source.recv(_CHUNK_BYTES):
                if not self._may_pass(link):
                    return
                sink.sendall(chunk)
            if self._may_pass(link):
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            if self._may_pass(link):
                link.close()

    def _may_pass(self, link: _Link) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._flowing or link.closed)
            return not link.closed


class _Link:
    """One connection: the client's socket, the server's, and the thread that joins them."""

    thread: Thread

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.server = socket.socket()
        self.closed = False

    def connect(self, target: tuple[str, int]) -> None:
        self.server.settimeout(5)
        self.server.connect(target)
        self.server.settimeout(None)
        if self.closed:  # dropped meanwhile, when there was no connection to shut down
            raise ConnectionAbortedError

    def close(self) -> None:
        """Mark as closed and wake whoever reads or writes; the thread releases the sockets."""
        self.closed = True
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        self.client.close()
        self.server.close()
