"""Fixtures of the integration tests: what may stand between the exporter and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pgbouncer import NO_PGBOUNCER, PgBouncer, pgbouncer_binary
from tests.support.postgres import NO_POSTGRES, PostgresServer, postgres_binaries
from tests.support.require import require
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Yield a PostgreSQL that the test may stop and crash; the session's own it may not."""
    require(postgres_binaries(), NO_POSTGRES)
    server = PostgresServer.start()
    yield server
    server.close()


@pytest.fixture
def pgbouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """Yield a PgBouncer before the session's PostgreSQL, with two connections a pool."""
    require(pgbouncer_binary(), NO_PGBOUNCER)
    bouncer = PgBouncer.start(postgres.port, pool_size=2)
    yield bouncer
    bouncer.close()


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[TcpProxy]:
    """Yield a proxy before the session's PostgreSQL."""
    with TcpProxy("127.0.0.1", postgres.port) as proxy:
        yield proxy
