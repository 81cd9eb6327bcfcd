"""Tests of the Redis server that tests start."""

from __future__ import annotations

import socket

import pytest

from tests.support.redis import NO_REDIS, RedisServer, redis_binary
from tests.support.require import require


def test_a_server_answers_until_it_is_closed() -> None:
    require(redis_binary(), NO_REDIS)
    with RedisServer() as redis, socket.create_connection(("127.0.0.1", redis.port)) as connection:
        connection.sendall(b"SET key value\r\n")
        assert connection.recv(16) == b"+OK\r\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", redis.port))
