"""The forms in which tables are exposed: a format, plain or as gzip."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeAlias

from exporter.telemetry.table import Child, Table

Writer: TypeAlias = Callable[[Iterable[Child]], bytes]
"""Writes some children of a table; any sequence of what it wrote makes a family."""


class Format(Protocol):
    """Write tables; a body is, family by family, its header and its blocks of children."""

    framed: bool
    """Whether a header tells the length of what follows."""
    end: bytes
    """What stands at the end of a body."""

    def header(self, table: Table, length: int) -> bytes:
        """Return what opens a family whose children take `length` bytes."""

    def writer(self, table: Table) -> Writer:
        """Return what writes children of the table."""


class Form(NamedTuple):
    """A format, and whether its bytes are packed by gzip."""

    format: Format
    packed: bool = False
