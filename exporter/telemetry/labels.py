"""Label values made safe: valid UTF-8, bounded in length, never empty."""

from __future__ import annotations

import hashlib

from exporter.samples import Labels

MAX_BYTES = 256
"""Longest label value in bytes of UTF-8, hash suffix included."""
_SUFFIX = 9


def canonical(labels: Labels) -> Labels:
    """Return the label set as it is kept: hostile values cut or cleaned, empty ones left out."""
    return tuple(_safe(value) if value else None for value in labels)


def _safe(value: str) -> str:
    if len(value) <= MAX_BYTES and value.isascii():
        return value
    encoded = value.encode("utf-8", "surrogatepass")
    clean = encoded.decode("utf-8", "replace")
    if len(encoded) <= MAX_BYTES and clean == value:
        return value
    # Two hostile values must not become one: what was cut or cleaned carries a hash of the whole.
    digest = hashlib.blake2b(encoded, digest_size=4).hexdigest()
    head = clean.encode()[: MAX_BYTES - _SUFFIX].decode("utf-8", "ignore")
    return f"{head}~{digest}"
