"""Tables to bytes: a family in one form is kept, and only the blocks that changed are rendered."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from exporter.telemetry.forms import Form, Format
from exporter.telemetry.table import Block, Table

_GZIP = 16 + zlib.MAX_WBITS
_LENGTH_BYTES = 4
_ROW_PIECES = 64

Row: TypeAlias = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FamilyBytes:
    """One family in one form: header and blocks, and the names that its series go by.

    The blocks are in rows, so that a publication hands on few things however many blocks there are.
    """

    names: frozenset[str]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """Families in one form, as ready bytes that never change."""

    families: tuple[FamilyBytes, ...]

    @property
    def blocks(self) -> Row:
        """The blocks of all families."""
        return _blocks(self.families)

    @classmethod
    def of(cls, families: Iterable[FamilyBytes | None]) -> Body:
        """Join the families that have children."""
        return cls(tuple(each for each in families if each is not None))

    def only(self, names: Collection[str]) -> Row:
        """Return the blocks of the families that go by one of the names."""
        return _blocks(each for each in self.families if not each.names.isdisjoint(names))


class Rendering:
    """One table in one form, block by block; `family` is None while it has no children."""

    def __init__(self, form: Form, table: Table) -> None:
        """Start without any block."""
        self._form = form
        self._table = table
        self._write = form.format.writer(table)
        self._pieces: list[bytes] = []
        self._rows: list[Row] = []
        self._length = 0
        """Bytes of all pieces before they were packed."""
        self._header = b""
        self._header_length: int | None = None
        """The length that the header was made for."""
        self.family: FamilyBytes | None = None

    def update(self, changed: Iterable[Block], plain: Rendering | None = None) -> None:
        """Render these blocks; `plain` is the same table in the plain form, up to date."""
        self._pieces += [b""] * (len(self._table.blocks) - len(self._pieces))
        rows: set[int] = set()
        for block in changed:
            rows.add(block.index // _ROW_PIECES)
            before = self._pieces[block.index]
            text = plain.piece(block) if plain else self._written(block)
            self._pieces[block.index] = packed(text) if self._form.packed and text else text
            self._length += len(text) - self._unpacked_length(before)
        # Also of a table that is empty now: when it fills again, only some rows may be touched.
        self._update_rows(rows)
        if not self._table.children:
            self.family = None
            return
        self._update_header()
        self.family = FamilyBytes(self._table.series_names, ((self._header,), *self._rows))

    def piece(self, block: Block) -> bytes:
        """Return the bytes of a block."""
        return self._pieces[block.index]

    def _written(self, block: Block) -> bytes:
        return self._write(block.children) if block.children else b""

    def _update_rows(self, changed: Iterable[int]) -> None:
        self._rows += [()] * (-(-len(self._pieces) // _ROW_PIECES) - len(self._rows))
        for row in changed:
            start = row * _ROW_PIECES
            pieces = self._pieces[start : start + _ROW_PIECES]
            # Packed, each is so small that a scrape would spend its time on gathering them.
            self._rows[row] = (b"".join(pieces),) if self._form.packed else tuple(pieces)

    def _update_header(self) -> None:
        length = self._length if self._form.format.framed else 0
        if self._header_length != length:
            header = self._form.format.header(self._table, length)
            self._header = packed(header) if self._form.packed else header
            self._header_length = length

    def _unpacked_length(self, piece: bytes) -> int:
        # A gzip member ends with the length of what was packed (RFC 1952, 2.3.1).
        end = piece[-_LENGTH_BYTES:]
        return int.from_bytes(end, "little") if self._form.packed else len(piece)


def _blocks(families: Iterable[FamilyBytes]) -> Row:
    return tuple(chain.from_iterable(row for each in families for row in each.rows))


def rendered(format_: Format, tables: Sequence[Table]) -> Body:
    """Return tables in a format, everything rendered now."""
    renderings = [Rendering(Form(format_), table) for table in tables]
    for rendering, table in zip(renderings, tables, strict=True):
        rendering.update(table.blocks)
    return Body.of(rendering.family for rendering in renderings)


def packed(data: bytes) -> bytes:
    """Return a whole gzip member; members one after the other are a gzip file (RFC 1952, 2.2).

    Level 1: the higher ones take several times as long to make it a quarter smaller.
    """
    compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return compressor.compress(data) + compressor.flush()
