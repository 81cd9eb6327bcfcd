"""Tests of the PgBouncer that tests start."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.pgbouncer import NO_PGBOUNCER, PgBouncer, pgbouncer_binary
from tests.support.postgres import PostgresServer
from tests.support.require import require


def test_show_pools_names_the_pool_of_a_database(pgbouncer: PgBouncer, database: str) -> None:
    name = database.rpartition("/")[2]
    with psycopg.connect(pgbouncer.dsn(name)) as connection:
        connection.execute("SELECT 1")  # the transaction holds its server connection
        pool = next(pool for pool in pgbouncer.pools() if pool["database"] == name)
    assert (pool["cl_active"], pool["sv_active"], pool["pool_mode"]) == (1, 1, "transaction")


def test_two_server_connections_serve_many_clients(pgbouncer: PgBouncer, database: str) -> None:
    name = database.rpartition("/")[2]
    clients = [psycopg.connect(pgbouncer.dsn(name), autocommit=True) for _ in range(5)]
    pids = {client.execute("SELECT pg_backend_pid()").fetchone() for client in clients}
    for client in clients:
        client.close()
    assert 1 <= len(pids) <= 2


def test_an_unknown_startup_parameter_is_refused(pgbouncer: PgBouncer, database: str) -> None:
    dsn = pgbouncer.dsn(database.rpartition("/")[2])
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
        psycopg.connect(dsn, options="-c statement_timeout=1000")


def test_a_role_proves_its_password_to_the_pool(postgres: PostgresServer, database: str) -> None:
    require(pgbouncer_binary(), NO_PGBOUNCER)
    name = database.rpartition("/")[2]
    postgres.create_role("pooled", "right")
    bouncer = PgBouncer.start(postgres.port, passwords={"pooled": "right"})
    try:
        with psycopg.connect(bouncer.dsn(name, "pooled", "right")) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("pooled",)
        with pytest.raises(psycopg.OperationalError, match="SASL"):
            psycopg.connect(bouncer.dsn(name, "pooled", "wrong"))
    finally:
        bouncer.close()
        postgres.drop_role("pooled")
