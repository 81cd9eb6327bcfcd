"""A real Docker engine for each module of tests, empty for each test."""

from __future__ import annotations

import pytest

from tests.support.docker_engine import NO_DOCKER, DockerEngine, docker_available
from tests.support.require import require


@pytest.fixture(scope="module")
def module_docker(tmp_path_factory):
    require(docker_available(), NO_DOCKER)
    engine = DockerEngine.start(tmp_path_factory.mktemp("docker"))
    engine.import_busybox()
    yield engine
    engine.close()


@pytest.fixture
def docker(module_docker):
    yield module_docker
    module_docker.resume()
    module_docker.remove_all()
