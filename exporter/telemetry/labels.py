"""Label values made safe: valid UTF-8, bounded in length, never empty."""

from __future__ import annotations

import hashlib

from exporter.samples import Labels

MAX_BYTES = 256
"""Longest label value in bytes of UTF-8, hash suffix included."""
_SUFFIX = 9


def canonical(labels: Labels) -> Labels:
    """Return the label set as it is kept: hostile values cut or cleaned, empty ones left out."""
    return tuple(safe(value) if value else None for value in labels)


def safe(value: str, most_bytes: int = MAX_BYTES) -> str:
    """Return a value as it is kept: valid UTF-8 of at most so many bytes."""
    if len(value) <= most_bytes and value.isascii():
        return value
    encoded = value.encode("utf-8", "surrogatepass")
    clean = encoded.decode("utf-8", "replace")
    if len(encoded) <= most_bytes and clean == value:
        return value
    # Two hostile values must not become one: what was cut or cleaned carries a hash of the whole.
    digest = hashlib.blake2b(encoded, digest_size=4).hexdigest()
    head = clean.encode()[: most_bytes - _SUFFIX].decode("utf-8", "ignore")
    return f"{head}~{digest}"
