"""Records what statements are sent to PostgreSQL through SQLAlchemy, with their plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

Node = Mapping[str, Any]


@dataclass(slots=True)
class Statement:
    """One statement as it was sent."""

    text: str
    transaction: int
    """Counts transactions from 1."""
    plan: Node | None = None
    rows: int = 0
    """Rows that the client fetched."""

    @property
    def buffers(self) -> int:
        """Return the pages it touched, where the plan was taken with `analyze`."""
        plan = self.plan or {}
        return int(plan.get("Shared Hit Blocks", 0)) + int(plan.get("Shared Read Blocks", 0))

    def nodes(self) -> Iterator[Node]:
        """Yield every node of the plan."""
        nodes = [self.plan] if self.plan else []
        while nodes:
            node = nodes.pop()
            yield node
            nodes += node.get("Plans", ())


class Recorder:
    """Records every statement of every engine from entering to leaving its context.

    With `explain` each is explained just before it runs, in its own transaction and with its own
    parameters; with `analyze` it is run once more for that, and its buffers are known.
    """

    def __init__(self, *, explain: bool = True, analyze: bool = False) -> None:
        """Prepare; nothing is recorded yet."""
        self.statements: list[Statement] = []
        self._explain = explain or analyze
        self._options = "ANALYZE, BUFFERS, FORMAT JSON" if analyze else "FORMAT JSON"
        self._transactions = 0
        self._listeners = (
            ("begin", self._on_begin),
            ("before_cursor_execute", self._before),
            ("after_cursor_execute", self._after),
        )

    def __enter__(self) -> Recorder:
        """Begin to record."""
        for name, listener in self._listeners:
            event.listen(Engine, name, listener)
        return self

    def __exit__(self, *_: object) -> None:
        """Record no more."""
        for name, listener in self._listeners:
            event.remove(Engine, name, listener)

    def transactions(self) -> list[list[Statement]]:
        """Return the statements by transaction."""
        grouped: dict[int, list[Statement]] = {}
        for statement in self.statements:
            grouped.setdefault(statement.transaction, []).append(statement)
        return list(grouped.values())

    def _on_begin(self, _connection: Connection) -> None:
        self._transactions += 1

    def _before(
        self, connection: Connection, _cursor: Any, text: str, parameters: Any, *_: Any
    ) -> None:
        plan = self._plan(connection, text, parameters) if self._explain else None
        self.statements.append(Statement(text, self._transactions, plan))

    def _after(self, _connection: Connection, cursor: Any, *_: Any) -> None:
        self.statements[-1].rows = cursor.rowcount

    def _plan(self, connection: Connection, text: str, parameters: Any) -> Node:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            cursor.execute(f"EXPLAIN ({self._options}) {text}", parameters)
            plan: Node = cursor.fetchone()[0][0]["Plan"]
            return plan
