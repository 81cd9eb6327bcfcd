"""How a transaction on the metadata database begins: its limits, and its moment."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import Connection, func, select, text

LOCK_TIMEOUT_MILLISECONDS = 500
"""How long a sample waits for a lock: a migration must not queue behind us."""
_PLANS_BY_INDEX = {
    **dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off"),
    # Where a table must be read whole, the planner's penalty for it would have JIT compile.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""Keeps the cost of a sample to the rows it asks for, however old the planner's statistics are."""


def begin(connection: Connection, timeout_seconds: float) -> datetime:
    """Bound the transaction's time on the server and return the database's clock."""
    if connection.dialect.name == "postgresql":
        settings = {
            "statement_timeout": str(int(timeout_seconds * 1000)),
            "lock_timeout": str(LOCK_TIMEOUT_MILLISECONDS),
            **_PLANS_BY_INDEX,
        }
        # Local to the transaction: a pooler hands the session on to others.
        local = [func.set_config(name, value, True) for name, value in settings.items()]
        moment: datetime = connection.execute(select(func.now(), *local)).scalar_one()
        return moment.astimezone(timezone.utc)
    found = connection.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")).scalar_one()
    return datetime.fromisoformat(str(found)).replace(tzinfo=timezone.utc)
