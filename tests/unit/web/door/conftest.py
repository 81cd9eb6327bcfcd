"""An authority and a server's certificate, made once."""

from __future__ import annotations

import pytest

from tests.support.certificates import NO_OPENSSL, Authority, Issued, openssl_binary
from tests.support.require import require


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    require(openssl_binary(), NO_OPENSSL)
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def issued(authority: Authority) -> Issued:
    return authority.issue("server")
