"""The collector behind PgBouncer in transaction mode: it works, and leaves nothing in a session."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector, Options
from exporter.collectors.airflow.database import Database
from exporter.collectors.airflow.engine import APPLICATION_NAME
from exporter.demo import schema
from exporter.dsn import parsed
from tests.integration.collectors.airflow.world import World
from tests.support.pgbouncer import NO_PGBOUNCER, PgBouncer, pgbouncer_binary
from tests.support.postgres import PostgresServer
from tests.support.require import require

POOL_SIZE = 3
_SETTINGS = (
    "statement_timeout",
    "lock_timeout",
    "default_transaction_read_only",
    "default_transaction_isolation",
    "transaction_read_only",
    "enable_seqscan",
    "enable_hashjoin",
    "enable_mergejoin",
    "jit",
    "max_parallel_workers_per_gather",
    "search_path",
    "TimeZone",
)


@pytest.fixture
def bouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    require(pgbouncer_binary(), NO_PGBOUNCER)
    # As PgBouncer is by default: it cleans no session in transaction mode.
    bouncer = PgBouncer.start(postgres.port, pool_size=POOL_SIZE)
    yield bouncer
    bouncer.close()


@pytest.fixture
def world(database: str) -> World:
    """Return an Airflow 3.3 in which one thing of every kind happens."""
    url = database.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = create_engine(url, poolclass=NullPool)
    world = World(engine, schema.create(engine, "3.3"), "3.3")
    world.fill()
    return world


@pytest.fixture
def pooled(database: str) -> str:
    """Return the name of the database, as the pooler knows it."""
    return database.rpartition("/")[2]


@pytest.fixture
def collectors(bouncer: PgBouncer, pooled: str) -> Iterator[list[AirflowCollector]]:
    """Yield one collector more than the pool has connections."""
    dsn = bouncer.dsn(pooled)
    databases = [Database(lambda: parsed(dsn, "test"), 10.0) for _ in range(POOL_SIZE + 1)]
    options = Options(facts_interval_seconds=1.0)
    yield [AirflowCollector(database, options, {}, Clock()) for database in databases]
    for database in databases:
        database.close()


def _settings(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, object]:
    found = {}
    for name in _SETTINGS:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        found[name] = row and row[0]
    return found


def test_a_thousand_samples_through_a_pool_of_three_make_no_error(
    bouncer: PgBouncer, pooled: str, world: World, collectors: list[AirflowCollector]
) -> None:
    with psycopg.connect(bouncer.dsn(pooled), autocommit=True, prepare_threshold=None) as other:
        for number in range(1_000):
            collector = collectors[number % len(collectors)]
            collector.sample()
            collector.accepted()
            # Another client takes turns on the same server connections.
            assert other.execute("SELECT current_setting('statement_timeout')").fetchone() == ("0",)
    assert all(int(str(pool["sv_active"])) == 0 for pool in bouncer.pools())


def test_another_client_of_the_pool_finds_its_session_untouched(
    bouncer: PgBouncer,
    pooled: str,
    database: str,
    world: World,
    collectors: list[AirflowCollector],
) -> None:
    with psycopg.connect(database, autocommit=True) as direct:
        expected = _settings(direct)
    for number in range(20):
        collectors[number % 4].sample()
        collectors[number % 4].accepted()
    clients = [
        psycopg.connect(
            bouncer.dsn(pooled), autocommit=True, prepare_threshold=None, application_name="theirs"
        )
        for _ in range(POOL_SIZE)
    ]
    try:
        pids = set()
        for client in clients:
            # Each holds its server connection, so that every one of the pool is looked at.
            client.execute("BEGIN")
            pids.add(client.execute("SELECT pg_backend_pid()").fetchone())
            assert _settings(client) == expected
            name = client.execute("SELECT current_setting('application_name')").fetchone()
            assert name == ("theirs",)
            prepared = client.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
            assert prepared == (0,)
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            assert client.execute(locks).fetchone() == (0,)
            temporary = "SELECT count(*) FROM pg_class WHERE pg_is_other_temp_schema(relnamespace)"
            assert client.execute(temporary).fetchone() == (0,)
        assert len(pids) == POOL_SIZE
    finally:
        for client in clients:
            client.close()


def test_nothing_is_idle_in_a_transaction_between_samples(
    database: str, world: World, collectors: list[AirflowCollector]
) -> None:
    collector = collectors[0]
    with psycopg.connect(database, autocommit=True) as direct:
        for _ in range(20):
            collector.sample()
            collector.accepted()
            idle = direct.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            ).fetchone()
            assert idle == (0,)
        ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        assert direct.execute(ours, (APPLICATION_NAME,)).fetchone() == (1,)
