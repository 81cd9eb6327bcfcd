"""An answer is sent whole and in order, in bounded pieces, and copied as little as can be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.web.outgoing import PIECE_BYTES, SLICE_BYTES, Outgoing, pieces

SMALL, LARGE = 100, 5_000
_SIZES = st.integers(0, 3 * PIECE_BYTES) | st.integers(0, SMALL)


def told_apart(sizes: list[int]) -> list[bytes]:
    """Return blocks of these sizes that no mistake in their order leaves equal."""
    chance = Random(1)
    return [chance.randbytes(size) for size in sizes]


@given(st.lists(_SIZES, max_size=12))
def test_pieces_are_bounded_and_make_up_the_body(sizes: list[int]) -> None:
    blocks = told_apart(sizes)
    found = list(pieces(blocks))
    assert b"".join(found) == b"".join(blocks)
    assert all(0 < len(piece) <= PIECE_BYTES for piece in found)


def test_small_blocks_share_a_piece() -> None:
    assert list(pieces([b"a", b"b", b"", b"c"])) == [b"abc"]


def test_only_small_blocks_are_copied() -> None:
    small, block, huge = bytes(SMALL), bytes(LARGE), bytes(2 * PIECE_BYTES)
    first, second, *rest = pieces([small, block, huge])
    assert (first, second) == (small, block)
    assert second is block
    assert [cast("memoryview", each).obj is huge for each in rest] == [True, True]


class Sending(asyncio.Protocol):
    """Pushes as a connection does."""

    def __init__(self) -> None:
        self.outgoing = Outgoing()
        self.done = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.outgoing.begin(cast("asyncio.Transport", transport))

    def pause_writing(self) -> None:
        self.outgoing.blocked = True

    def resume_writing(self) -> None:
        self.outgoing.blocked = False
        self.push()

    def push(self) -> None:
        while not (done := self.outgoing.push()) and not self.outgoing.blocked:
            pass
        if done:
            self.done.set()


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield two connected sockets that hold little."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for each in (ours, theirs):
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield ours, theirs


@settings(max_examples=30)
@given(st.lists(st.lists(_SIZES, max_size=6), min_size=1, max_size=3), st.integers())
def test_who_reads_slowly_gets_every_byte_in_order(bodies: list[list[int]], seed: int) -> None:
    async def exchange() -> None:
        loop, chance = asyncio.get_running_loop(), Random(seed)
        with pair() as (ours, theirs):
            transport, sending = await loop.connect_accepted_socket(Sending, ours)
            for sizes in bodies:
                blocks = told_apart(sizes)
                sending.done.clear()
                sending.outgoing.put(blocks)
                sending.push()
                got, wanted = bytearray(), b"".join(blocks)
                while len(got) < len(wanted):
                    got += await loop.sock_recv(theirs, chance.randint(1, SLICE_BYTES))
                await sending.done.wait()
                assert got == wanted
            transport.abort()

    asyncio.run(exchange())


def test_what_is_not_read_is_not_copied_either() -> None:
    async def stall() -> None:
        with pair() as (ours, _):
            transport, sending = await asyncio.get_running_loop().connect_accepted_socket(
                Sending, ours
            )
            block = bytes(LARGE)
            sending.outgoing.put([block] * 1_000)
            sending.push()
            assert sending.outgoing.blocked
            assert sending.outgoing._slice
            assert all(each is block for each in sending.outgoing._slice)
            transport.abort()

    asyncio.run(stall())


def test_who_is_gone_is_noticed() -> None:
    async def hang_up() -> None:
        with pair() as (ours, theirs):
            transport, sending = await asyncio.get_running_loop().connect_accepted_socket(
                Sending, ours
            )
            theirs.close()
            sending.outgoing.put([bytes(LARGE)])
            sending.push()
            assert transport.is_closing()

    asyncio.run(hang_up())
