"""Free ports of the loopback for servers that must be told one."""

from __future__ import annotations

import secrets
import socket

# Below the range that the kernel takes for outgoing connections: in that range a client that
# retries while the server is down can take the server's own port, or even connect to itself.
_FIRST, _LAST = 20000, 32000


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    for _ in range(100):
        # Not `random`: pytest-randomly seeds it alike in every run and before every test.
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1 after 100 tries")
