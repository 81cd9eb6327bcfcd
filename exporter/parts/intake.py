"""The intake: who may push, and where what is pushed goes; msgspec is loaded here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from exporter.clock import Clock
from exporter.config import Settings, options
from exporter.filters import DagFilter
from exporter.intake.collector import MAX_SETTLED, SETTLED_SECONDS, PushedTries
from exporter.intake.commits import Committer
from exporter.intake.payload import Decoder
from exporter.intake.refusals import Refusals
from exporter.intake.service import Intake
from exporter.intake.token import Token
from exporter.intake.uses import Uses
from exporter.logs import Redactor
from exporter.parts.in_force import InForce
from exporter.parts.rows import INTAKE
from exporter.parts.surroundings import dag_filter
from exporter.rows.account import Terms
from exporter.rows.book import ClaimBook
from exporter.rows.settlement import Limits
from exporter.rows.stages import Placing
from exporter.telemetry.store import Store


def intake(
    settings: Settings,
    store: Store,
    book: ClaimBook,
    clock: Clock,
    *,
    redactor: Redactor,
    dags: Callable[[], DagFilter],
) -> Intake:
    """Build the intake; raise ConfigError for a token file that holds none."""

    def knows(dag_id: str) -> bool | None:
        # Without a database nobody knows which DAGs there are, ever: the caps on series hold.
        if not settings.airflow:
            return True
        return None if store.known_dags is None else dag_id in store.known_dags

    committer = Committer(
        INTAKE,
        store,
        book,
        _uses(store),
        clock,
        wants=lambda dag_id: dags().wants(dag_id),
        knows=knows,
        must_persist=settings.state_path is not None,
    )
    path = settings.intake_token_file
    return Intake(
        settings.intake_address if settings.enable_intake else (),
        Decoder(needs_state=not settings.airflow),
        committer,
        token(path, redactor).admits if path else None,
        Refusals(clock),
    )


def token(path: Path, redactor: Redactor) -> Token:
    """Read the token file; raise ConfigError when it holds no token."""
    return Token(path, options()["intake_token_file"].flag, redactor.add)


def pushed_tries(store: Store, book: ClaimBook, clock: Clock, in_force: InForce) -> PushedTries:
    """Build the collector that counts pushed tries where no database is sampled."""

    def terms() -> Terms:
        settings, rules = in_force.settings, in_force.rules
        limits = Limits(
            settings.rows_grace, settled_seconds=SETTLED_SECONDS, max_settled=MAX_SETTLED
        )
        return Terms(Placing(rules.tasks), limits, dag_filter(settings).wants)

    return PushedTries(book, store.checkpoint(PushedTries.name), clock, terms)


def _uses(store: Store) -> Uses:
    try:
        return Uses(store.checkpoint(INTAKE))
    except (ValueError, TypeError, KeyError) as error:
        structlog.get_logger("exporter.intake").error("uses.unreadable", error=type(error).__name__)
        return Uses({})
