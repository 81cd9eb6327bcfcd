"""Moments as Unix seconds, made by the database where it can: a number costs less than a date."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Double,
    TypeDecorator,
    func,
    type_coerce,
)
from sqlalchemy.engine import Dialect


class _UnixSeconds(TypeDecorator[float]):
    """A moment that the driver reads: naive values are UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return seconds since 1970."""
        return None if value is None else value.replace(tzinfo=timezone.utc).timestamp()


def unix_seconds(connection: Connection, moment: ColumnElement[Any]) -> ColumnElement[float]:
    """Return a column of moments as seconds since 1970."""
    if connection.dialect.name != "postgresql":
        return type_coerce(moment, _UnixSeconds())
    # Unlike EXTRACT, whose result PostgreSQL works out as a decimal number.
    return func.date_part("epoch", moment, type_=Double())
