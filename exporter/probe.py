"""A probe from inside: `python -I -m exporter.probe [URL]` asks the exporter beside it how it is.

For health checks of containers, and for pods whose kubelet is not let in: it has neither password
nor certificate to show.
"""

from __future__ import annotations

import ssl
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

USUAL: Final = "http://127.0.0.1:10112/-/healthy"
_PATIENCE_SECONDS: Final = 2.0
_WELL: Final = frozenset({200, 401, 403})
"""401 and 403 are refusals: it answers, and tells strangers no more."""
_LONGEST_BYTES: Final = 500


def problem(url: str = USUAL) -> str | None:
    """Return what is wrong with the exporter at a URL; None when it is well, or refuses us.

    Its certificate is not verified: nothing is told to it, and for a probe any name will do.
    """
    where = urlsplit(url)
    with closing(_connection(where)) as connection:
        try:
            connection.connect()
        except OSError as error:
            return None if _is_refusal(error) else f"{url}: {error}"
        try:
            connection.request("GET", where.path)
            answer = connection.getresponse()
            text = answer.read(_LONGEST_BYTES).decode(errors="replace").strip()
        except TimeoutError:
            return f"{url}: no answer within {_PATIENCE_SECONDS:.0f} s"
        except (OSError, HTTPException) as error:
            # With TLS 1.3 a server says only after the handshake that it wants a certificate.
            return None if where.scheme == "https" else f"{url}: {error}"
    return None if answer.status in _WELL else f"{url}: {answer.status} {text}"


def _connection(where: SplitResult) -> HTTPConnection:
    host, port = where.hostname or "", where.port
    if where.scheme == "http":
        return HTTPConnection(host, port, timeout=_PATIENCE_SECONDS)
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=_PATIENCE_SECONDS, context=anybody)


def _is_refusal(error: OSError) -> bool:
    """Tell whether a server ended the handshake, as with TLS 1.2 one that wants a certificate."""
    is_alert = isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")
    return is_alert or isinstance(error, ssl.SSLEOFError)


if __name__ == "__main__":
    sys.exit(problem(*sys.argv[1:2]))
