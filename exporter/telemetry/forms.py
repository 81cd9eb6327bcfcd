"""The forms in which tables are exposed: a format, plain or as gzip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from exporter.telemetry.table import Child, Table


class Format(Protocol):
    """Write tables; a body is, family by family, its header and its blocks of children."""

    framed: bool
    """Whether a header tells the length of what follows."""
    end: bytes
    """What stands at the end of a body."""

    def header(self, table: Table, length: int) -> bytes:
        """Return what opens a family whose children take `length` bytes."""

    def children(self, table: Table, children: Iterable[Child]) -> bytes:
        """Return some children of the table; any sequence of blocks makes a family."""


class Form(NamedTuple):
    """A format, and whether its bytes are packed by gzip."""

    format: Format
    packed: bool = False
