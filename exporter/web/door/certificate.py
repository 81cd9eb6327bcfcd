"""The certificate as a client sees it: whether it would be taken now, and until when."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import replace
from typing import Final

from exporter.web.door.tls import Tls, context

_MOST_FLIGHTS: Final = 8
"""A handshake has three or four."""


def expiry(of: Tls) -> float:
    """Return until when the certificate is valid, in Unix seconds.

    Raises ConfigError when no client would take it, whoever it trusts: it has expired, is not valid
    yet, or is not for servers.
    """
    anybody = replace(of, clients=ssl.CERT_NONE, client_ca_file=None, client_names=frozenset())
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # Who has issued it does not matter: it is trusted for itself.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(of.cert_file)
    try:
        return _handed_over(client, context(anybody))
    except ssl.SSLCertVerificationError as error:
        of.place.below("cert_file").refuse(f"{of.cert_file}: {error.verify_message}")
    except ssl.SSLError as error:
        of.place.refuse(f"no client can connect ({error.reason})")


def _handed_over(client: ssl.SSLContext, server: ssl.SSLContext) -> float:
    """Shake hands in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server)
    for _ in range(_MOST_FLIGHTS):
        for side in (theirs, ours):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return ssl.cert_time_to_seconds(str((theirs.getpeercert() or {})["notAfter"]))
