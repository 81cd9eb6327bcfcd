"""The wire format of protocol buffers, as much as is written.

Source: Protocol Buffers documentation, "Encoding". Fields below 16 have tags of one byte, the
others two; the tag is the field's number times 8, and the wire type.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

VARINT, FIXED64, BYTES = 0, 1, 2
"""Wire types."""
_DOUBLE: Final = struct.Struct("<d")
_MORE: Final = 0x80
_SEVEN_BITS: Final = 0x7F
_SHORT: Final = tuple(bytes((value,)) for value in range(_MORE))
"""Nearly every number that is written: a look-up is what CPython does fastest."""


def varint(value: int) -> bytes:
    """Return a number of 0 to 2**64 - 1, seven bits a byte, the lowest first."""
    if value < _MORE:
        return _SHORT[value]
    if value < _MORE << 7:
        return bytes((value & _SEVEN_BITS | _MORE, value >> 7))
    out = bytearray()
    while value >= _MORE:
        out.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    """Return a signed number: small ones of either sign stay short."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def counted(field: int) -> Callable[[int], bytes]:
    """Return what writes a field of an unsigned number."""
    lead = tag(field, VARINT)
    return lambda value: lead + varint(value)


def signed(field: int) -> Callable[[int], bytes]:
    """Return what writes a field of a signed number (sint32 or sint64)."""
    lead = tag(field, VARINT)
    return lambda value: lead + zigzag(value)


def double(field: int) -> Callable[[float], bytes]:
    """Return what writes a field of a floating-point number."""
    lead = tag(field, FIXED64)
    return lambda value: lead + _DOUBLE.pack(value)


def nested(field: int) -> Callable[[bytes], bytes]:
    """Return what writes a field of a message, a string or packed numbers."""
    lead = tag(field, BYTES)

    def write(data: bytes) -> bytes:
        length = len(data)
        return lead + (_SHORT[length] if length < _MORE else varint(length)) + data

    return write


def text(field: int) -> Callable[[str], bytes]:
    """Return what writes a field of a string."""
    write = nested(field)
    return lambda value: write(value.encode())


def tag(field: int, kind: int) -> bytes:
    """Return what stands before a value: its field's number and its wire type."""
    return varint(field << 3 | kind)
