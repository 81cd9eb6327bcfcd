"""What tells and settles how much data tries wrote."""

from __future__ import annotations

import structlog

from exporter.config import Settings
from exporter.rows.book import ClaimBook
from exporter.rows.rules import Rules, read
from exporter.telemetry.store import Store

INTAKE = "intake"
"""Under this name the ledger keeps the book of claims."""


def claim_book(store: Store) -> ClaimBook:
    """Return the book of claims as the ledger has it."""
    try:
        return ClaimBook(store.checkpoint(INTAKE))
    except (ValueError, TypeError, KeyError) as error:
        structlog.get_logger("exporter.rows").error("claims.unreadable", error=type(error).__name__)
        return ClaimBook()


def rules(settings: Settings) -> Rules:
    """Return what the rows file says; raise ConfigError when it cannot be used."""
    return Rules() if settings.rows_file is None else read(settings.rows_file, "--rows.file")
