"""The wire format of protocol buffers, as much as is written.

Source: Protocol Buffers documentation, "Encoding". Fields below 16 have tags of one byte, the
others two; the tag is the field's number times 8, and the wire type.
"""

from __future__ import annotations

import struct
from typing import Final

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_DOUBLE: Final = struct.Struct("<d")
_MORE: Final = 0x80
_SEVEN_BITS: Final = 0x7F
_SHORT: Final = tuple(bytes((value,)) for value in range(_MORE))
"""Nearly every number that is written: a look-up is what CPython does fastest."""


def varint(value: int) -> bytes:
    """Return a number of 0 to 2**64 - 1, seven bits a byte, the lowest first."""
    if value < _MORE:
        return _SHORT[value]
    out = bytearray()
    while value >= _MORE:
        out.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    """Return a signed number: small ones of either sign stay short."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def counted(field: int, value: int) -> bytes:
    """Return a field of an unsigned number."""
    return _tag(field, _VARINT) + varint(value)


def signed(field: int, value: int) -> bytes:
    """Return a field of a signed number (sint32 or sint64)."""
    return _tag(field, _VARINT) + zigzag(value)


def double(field: int, value: float) -> bytes:
    """Return a field of a floating-point number."""
    return _tag(field, _FIXED64) + _DOUBLE.pack(value)


def nested(field: int, data: bytes) -> bytes:
    """Return a field of a message, a string or packed numbers."""
    length = len(data)
    return _tag(field, _BYTES) + (_SHORT[length] if length < _MORE else varint(length)) + data


def text(field: int, value: str) -> bytes:
    """Return a field of a string."""
    return nested(field, value.encode())


def _tag(field: int, kind: int) -> bytes:
    tag = field << 3 | kind
    return _SHORT[tag] if tag < _MORE else varint(tag)
