"""Tests of the proxy that stalls, refuses and drops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoResultError

import psycopg
import pytest

from tests.support.postgres import PostgresServer, postgres_dsn
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def _connect(proxy: TcpProxy) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(postgres_dsn(proxy.port, "postgres", "postgres"), autocommit=True)


def test_a_stall_holds_a_query_until_it_is_resumed(
    proxy: TcpProxy, pool: ThreadPoolExecutor
) -> None:
    with _connect(proxy) as connection:
        proxy.stall()
        query = pool.submit(lambda: connection.execute("SELECT 1").fetchone())
        with pytest.raises(NoResultError):
            query.result(timeout=0.3)
        proxy.resume()
        assert query.result(timeout=5) == (1,)


def test_a_stalled_proxy_accepts_but_says_nothing(
    proxy: TcpProxy, pool: ThreadPoolExecutor
) -> None:
    proxy.stall()
    connecting: Future[psycopg.Connection[tuple[object, ...]]] = pool.submit(_connect, proxy)
    proxy.wait_accepted(1)
    with pytest.raises(NoResultError):
        connecting.result(timeout=0.3)
    proxy.resume()
    connecting.result(timeout=5).close()


def test_a_drop_ends_a_stalled_query(proxy: TcpProxy, pool: ThreadPoolExecutor) -> None:
    with _connect(proxy) as connection:
        proxy.stall()
        query = pool.submit(connection.execute, "SELECT 1")
        proxy.drop()
        with pytest.raises(psycopg.OperationalError):
            query.result(timeout=5)
        assert proxy.open == 0


def test_refusing_leaves_open_connections_alone(proxy: TcpProxy) -> None:
    with _connect(proxy) as connection:
        proxy.refuse()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            _connect(proxy)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        proxy.resume()
        _connect(proxy).close()
        assert proxy.accepted == 2


def test_a_server_that_is_away_closes_the_client(own_postgres: PostgresServer) -> None:
    with TcpProxy("127.0.0.1", own_postgres.port) as proxy:
        with _connect(proxy) as connection:
            own_postgres.stop("immediate")
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="closed the connection"):
            _connect(proxy)


def test_a_closed_proxy_leaves_no_thread(postgres: PostgresServer) -> None:
    before = set(threading.enumerate())
    proxy = TcpProxy("127.0.0.1", postgres.port)
    connections = [_connect(proxy) for _ in range(3)]
    proxy.stall()
    proxy.close()
    assert set(threading.enumerate()) <= before
    for connection in connections:
        connection.close()
