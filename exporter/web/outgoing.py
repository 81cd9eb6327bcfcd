"""An answer on its way: blocks that all clients share, sent as fast as one client reads them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

SLICE_BYTES: Final = 256 * 1024
"""What is sent before the other connections have their turn."""
PIECE_BYTES: Final = 64 * 1024
"""The most that is copied for a client: joined, encrypted, or left in its transport."""
_SMALL_BYTES: Final = 4 * 1024
"""Below it, blocks come joined: each costs a system call more than its copy."""
_Piece: TypeAlias = "bytes | memoryview"


class Outgoing:
    """Sends blocks on one connection, a slice at a time.

    Where no TLS is spoken the kernel takes the blocks from where they are (writev(2)), and what it
    does not take stays there. Only a piece goes through the transport then, whose `resume_writing`
    tells when there is room again.
    """

    def __init__(self) -> None:
        """Send nothing yet."""
        self.is_plain = True
        """Whether no TLS is spoken."""
        self.blocked = False
        """Whether the transport still has what it was given; to be set as it tells."""
        self._transport: asyncio.Transport
        self._descriptor = -1
        self._pieces: Iterator[_Piece] = iter(())
        self._slice: list[_Piece] = []

    def begin(self, transport: asyncio.Transport) -> None:
        """Send on this transport from now on."""
        self._transport = transport
        self._descriptor = transport.get_extra_info("socket").fileno()
        self.is_plain = transport.can_write_eof()
        # No data may stay behind in the transport: a piece counts as sent when the kernel has it,
        # so closing never waits for a client that does not read.
        # (With TLS a limit of 0 would be reached by no data at all.)
        transport.set_write_buffer_limits(high=0 if self.is_plain else 1)

    def put(self, blocks: Iterable[bytes]) -> None:
        """Have these blocks sent next."""
        self._pieces = pieces(blocks)
        self._slice = self._following()

    def push(self) -> bool:
        """Send as much as a slice; tell whether the kernel has all that was put."""
        self._slice = self._unsent(self._slice) or self._following()
        return not self._slice and not self.blocked

    def _following(self) -> list[_Piece]:
        found: list[_Piece] = []
        size = 0
        most = SLICE_BYTES if self.is_plain else PIECE_BYTES
        for piece in self._pieces:
            found.append(piece)
            size += len(piece)
            if size >= most:
                break
        return found

    def _unsent(self, given: list[_Piece]) -> list[_Piece]:
        """Send pieces; return what neither the kernel nor the transport has."""
        if not given:
            return []
        if not self.is_plain:
            self._transport.write(b"".join(given))
            return []
        try:
            taken = os.writev(self._descriptor, given)
        except OSError:  # There is no room, or nobody any more: the transport will find out.
            taken = 0
        left = _after(given, taken)
        if left:
            self._transport.write(left.pop(0))
        return left


def pieces(blocks: Iterable[bytes]) -> Iterator[_Piece]:
    """Yield the blocks in pieces of at most `PIECE_BYTES`: small ones joined, others shared."""
    small: list[bytes] = []
    size = 0
    for block in blocks:
        if size and (len(block) >= _SMALL_BYTES or size + len(block) > PIECE_BYTES):
            yield b"".join(small)
            small, size = [], 0
        if len(block) < _SMALL_BYTES:
            small.append(block)
            size += len(block)
        else:
            yield from _cut(block)
    if size:
        yield b"".join(small)


def _cut(block: bytes) -> Iterator[_Piece]:
    if len(block) <= PIECE_BYTES:
        yield block
        return
    for start in range(0, len(block), PIECE_BYTES):
        yield memoryview(block)[start : start + PIECE_BYTES]


def _after(given: list[_Piece], taken: int) -> list[_Piece]:
    """Return what is left when the first `taken` bytes are gone."""
    for at, piece in enumerate(given):
        if taken < len(piece):
            return [memoryview(piece)[taken:], *given[at + 1 :]]
        taken -= len(piece)
    return []
