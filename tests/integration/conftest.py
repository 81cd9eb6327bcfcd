"""Fixtures of the integration tests: what may stand before PostgreSQL, and a Docker engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.docker_engine import NO_DOCKER, DockerEngine, docker_available
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


@pytest.fixture(scope="module")
def module_docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    """Yield a Docker engine of this module of tests."""
    require(docker_available(), NO_DOCKER)
    engine = DockerEngine.start(tmp_path_factory.mktemp("docker"))
    engine.import_busybox()
    yield engine
    engine.close()


@pytest.fixture
def docker(module_docker: DockerEngine) -> Iterator[DockerEngine]:
    """Yield the module's Docker engine, which is empty for each test."""
    yield module_docker
    module_docker.resume()
    module_docker.remove_all()
