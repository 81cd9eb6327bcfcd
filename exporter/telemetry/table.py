"""The children of one family, in blocks: the units of rendering."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern

from exporter.catalogue import Family, Kind
from exporter.samples import Labels
from exporter.telemetry.amount import Amount

BLOCK_CHILDREN = 8
"""Children a block: the unit that is rendered again when one of them changed."""


class Child(Amount):
    """One label set of a family: the amount exposed, and what waits to be added to it."""

    __slots__ = ("block", "created", "labels", "owner", "pending", "published_at", "touched")

    def __init__(self, labels: Labels, block: Block, buckets: int) -> None:
        """Place a new child at zero, not published yet, into its block."""
        super().__init__(buckets)
        self.labels = labels
        self.block = block
        self.pending: Amount | None = None
        self.published_at: float | None = None
        """Monotonic seconds of the first snapshot that held it."""
        self.created: float | None = None
        """Unix seconds since when it accumulates; None where that is not known."""
        self.touched = 0.0
        """Unix seconds when it last changed or was announced."""
        self.owner: object = None
        """The set that a gauge belongs to."""

    @property
    def family(self) -> str:
        """The family's name."""
        return self.block.table.family.name


class Block:
    """Up to `BLOCK_CHILDREN` children, at its place in the table."""

    __slots__ = ("children", "index", "table")

    def __init__(self, table: Table, index: int) -> None:
        """Start empty."""
        self.table = table
        self.index = index
        self.children: list[Child] = []

    def changed(self) -> None:
        """Have it rendered again, in every form."""
        self.table.changed.add(self)


class Table:
    """Every child of one family."""

    def __init__(self, family: Family, name: str | None = None) -> None:
        """Start without children; `name` is exposed in place of the family's own."""
        self.family = family
        self.name = name or family.name
        self.children: dict[Labels, Child] = {}
        self.blocks: list[Block] = []
        self.changed: set[Block] = set()
        """What must be rendered again, in every form."""
        self.folding = False
        self.dropped = 0
        """Samples of label sets above the cap: it grows as long as one is left out."""
        self._roomy: list[Block] = []
        self._buckets = len(family.buckets) if family.kind is Kind.HISTOGRAM else 0

    def __len__(self) -> int:
        """Count the children."""
        return len(self.children)

    def __iter__(self) -> Iterator[Child]:
        """Iterate over a copy: the caller may remove."""
        return iter(list(self.children.values()))

    @property
    def series_names(self) -> frozenset[str]:
        """The names that the family and its series go by, in any format."""
        if self.family.kind is Kind.HISTOGRAM:
            return frozenset(f"{self.name}{end}" for end in ("", "_bucket", "_sum", "_count"))
        return frozenset((self.name, self.name.removesuffix("_total")))

    def taken(self) -> set[Block]:
        """Return what has changed since the last time."""
        changed, self.changed = self.changed, set()
        return changed

    def zero(self) -> Amount:
        """Make an empty amount of the family's shape."""
        return Amount(self._buckets)

    def add(self, labels: Labels) -> Child:
        """Create a child at zero; the label set must be new and canonical."""
        # The same few names stand in many children: each is held once.
        labels = tuple(value and intern(value) for value in labels)
        block = self._block_with_room()
        child = Child(labels, block, self._buckets)
        block.children.append(child)
        block.changed()
        self.children[labels] = child
        return child

    def remove(self, child: Child) -> None:
        """Take a child out; its block's room is used again."""
        del self.children[child.labels]
        block = child.block
        if len(block.children) == BLOCK_CHILDREN:
            self._roomy.append(block)
        block.children.remove(child)
        block.changed()

    def _block_with_room(self) -> Block:
        while self._roomy:
            if len(self._roomy[-1].children) < BLOCK_CHILDREN:
                return self._roomy[-1]
            self._roomy.pop()
        block = Block(self, len(self.blocks))
        self.blocks.append(block)
        self._roomy.append(block)
        return block
