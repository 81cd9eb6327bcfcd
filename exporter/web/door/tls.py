"""TLS as the web configuration file wants it, and the context that does it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exporter import files
from exporter.yaml_file import UNSET, Place

_KEYS: Final = (
    "cert_file", "key_file", "client_auth_type", "client_ca_file", "client_allowed_sans",
    "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites",
    "curve_preferences",
)  # fmt: skip
_CLIENTS: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""Go's two other types ask for a certificate and believe any: nothing is gained by them."""
_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
"""Older ones are deprecated (RFC 8996)."""
_CURVES: Final = {
    "CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1",
    "X25519": "X25519",
}  # fmt: skip
_SUITES: Final = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""Go's names and OpenSSL's (their RFCs); those of TLS 1.3 are always on, as in Go."""
_MOST_AUTHORITIES_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Tls:
    """What a connection must be, and where the files are that prove who we are."""

    place: Place
    cert_file: Path
    key_file: Path
    clients: ssl.VerifyMode = ssl.CERT_NONE
    client_ca_file: Path | None = None
    client_names: frozenset[str] = frozenset()
    """Of which a client's certificate must have one; any will do when there are none."""
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    suites: tuple[str, ...] | None = None
    """Of TLS 1.2, as OpenSSL calls them; None for its own choice."""
    our_order: bool = True
    curve: str | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files whose change changes the context."""
        authorities = (self.client_ca_file,) if self.client_ca_file else ()
        return (self.cert_file, self.key_file, *authorities)


def tls(place: Place, node: object) -> Tls:
    """Return what the section says; raise ConfigError. Files are relative to its file's folder."""
    given = place.keys(node, *_KEYS)
    folder = place.path.parent
    authorities = _one(place, given, "client_ca_file", "")
    found = Tls(
        place,
        folder / place.text(given, "cert_file"),
        folder / place.text(given, "key_file"),
        _CLIENTS[_one(place, given, "client_auth_type", "NoClientCert", _CLIENTS)],
        folder / authorities if authorities else None,
        frozenset(_several(place, given, "client_allowed_sans")),
        _VERSIONS[_one(place, given, "min_version", "TLS12", _VERSIONS)],
        _VERSIONS[_one(place, given, "max_version", "TLS13", _VERSIONS)],
        _suites(_several(place, given, "cipher_suites", _SUITES)),
        _one(place, given, "prefer_server_cipher_suites", "true", ("true", "false")) == "true",
        _curve(place, _several(place, given, "curve_preferences", _CURVES)),
    )
    _require_sense(found)
    return found


def context(of: Tls) -> ssl.SSLContext:
    """Return the context of a server; raise ConfigError naming the file that cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Without TLS 1.2 suites there is no TLS 1.2.
    made.minimum_version = ssl.TLSVersion.TLSv1_3 if of.suites == () else of.min_version
    made.maximum_version = of.max_version
    made.set_alpn_protocols(["http/1.1"])
    if of.suites:
        made.set_ciphers(":".join(of.suites))
    if not of.our_order:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if of.curve is not None:
        _hold_to(made, of.place.below("curve_preferences"), of.curve)
    _load_own(made, of)
    if of.client_ca_file is not None:
        _load_authorities(made, of.place.below("client_ca_file"), of.client_ca_file)
    made.verify_mode = of.clients
    return made


def _hold_to(made: ssl.SSLContext, place: Place, curve: str) -> None:
    try:
        made.set_ecdh_curve(curve)
    except (ssl.SSLError, ValueError):
        # Whether it can be held to X25519 depends on Python and OpenSSL.
        place.refuse(f"this Python cannot be held to {curve}")


def _load_own(made: ssl.SSLContext, of: Tls) -> None:
    for key, path, mark in (
        ("cert_file", of.cert_file, b"-----BEGIN CERTIFICATE-----"),
        ("key_file", of.key_file, b"PRIVATE KEY-----"),
    ):
        place = of.place.below(key)
        content = files.content(path, f"{place}:")
        if mark not in content:
            place.refuse(f"{path} holds no {'certificate' if key == 'cert_file' else 'key'} in PEM")
        if b"ENCRYPTED" in content:
            place.refuse(f"{path} is encrypted, and nobody is there to give the password")
    try:
        made.load_cert_chain(of.cert_file, of.key_file, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            place.refuse(f"{of.key_file} is not the key of the certificate in {of.cert_file}")
        place.refuse(f"{of.key_file} and {of.cert_file} cannot be used ({_reason(error)})")
    except OSError as error:
        place.refuse(f"{of.key_file} and {of.cert_file} cannot be read ({error.strerror})")


def _load_authorities(made: ssl.SSLContext, place: Place, path: Path) -> None:
    files.content(path, f"{place}:", _MOST_AUTHORITIES_BYTES)
    try:
        made.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        place.refuse(f"{path} holds no certificates in PEM ({_reason(error)})")


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or "unreadable"
    return str(reason).lower().replace("_", " ")


def _require_sense(found: Tls) -> None:
    asks = found.clients is not ssl.CERT_NONE
    if asks and found.client_ca_file is None:
        found.place.below("client_ca_file").refuse("must be given, to verify clients with")
    if not asks and found.client_ca_file is not None:
        found.place.below("client_auth_type").refuse("must be given beside client_ca_file")
    if found.client_names and found.clients is not ssl.CERT_REQUIRED:
        found.place.below("client_allowed_sans").refuse(
            "needs client_auth_type RequireAndVerifyClientCert"
        )
    if found.max_version < found.min_version:
        found.place.below("max_version").refuse("must not be below min_version")


def _curve(place: Place, names: tuple[str, ...]) -> str | None:
    # Python's ssl can name one; to take the first would forbid what the others allow.
    if len(names) > 1:
        place.below("curve_preferences").refuse("must name one curve, or be left out")
    return _CURVES[names[0]] if names else None


def _suites(names: tuple[str, ...]) -> tuple[str, ...] | None:
    return tuple(_SUITES[each] for each in names if _SUITES[each]) if names else None


def _one(
    place: Place,
    node: Mapping[str, object],
    key: str,
    default: str,
    allowed: Mapping[str, object] | tuple[str, ...] = (),
) -> str:
    if node.get(key) in (None, *UNSET):
        return default
    return _allowed(place.below(key), place.text(node, key), allowed)


def _several(
    place: Place, node: Mapping[str, object], key: str, allowed: Mapping[str, object] | None = None
) -> tuple[str, ...]:
    given = node.get(key)
    if given in (None, *UNSET):
        return ()
    if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
        place.below(key).refuse("must be a list")
    return tuple(_allowed(place.below(key), each, allowed or ()) for each in given)


def _allowed(place: Place, text: str, allowed: Mapping[str, object] | tuple[str, ...]) -> str:
    if allowed and text not in allowed:
        shown = re.sub(r"[^ -~]", "?", text)[:60]
        place.refuse(f"{shown!r} is none of {', '.join(allowed)}")
    return text
