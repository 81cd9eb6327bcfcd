"""The pod list is asked for over TLS, with a token that appears nowhere else."""

from __future__ import annotations

import json
import shutil
import ssl
import time
import tracemalloc
from pathlib import Path

import pytest

from exporter.errors import ConfigError, SourceTimeoutError, SourceUnavailableError
from exporter.identity import pods
from exporter.identity.pod import ContainerInfo
from exporter.identity.pods import PodList
from tests.integration.identity.stub import Stub, answers, certificates, hangs, says
from tests.support.require import require

TOKEN = "eyJhbGciOiJSUzI1NiJ9.Zq7_mK2w"
BODY = json.dumps(
    {
        "kind": "PodList",
        "items": [
            {
                "metadata": {"namespace": "data", "name": "pod-1", "uid": "u-1"},
                "status": {"containerStatuses": [{"name": "base", "containerID": "docker://d1"}]},
            }
        ],
    }
).encode()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    require(shutil.which("openssl"), "there is no openssl")
    return certificates(tmp_path_factory.mktemp("ca"))


def test_the_kubelet_tells_its_pods(token, tls):
    ca, server = tls
    with Stub(answers(200, BODY), tls=server) as stub:
        source = PodList(f"{stub.url}/pods", token, ca)
        assert not stub.seen
        source.refresh()
    assert stub.seen[0].line == "GET /pods HTTP/1.1"
    assert stub.seen[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert source.pods["u-1"].name == "pod-1"
    assert source.containers == {"d1": ContainerInfo("u-1", "base")}


def test_the_api_server_is_asked_for_one_node(token):
    with Stub(answers(200, BODY)) as stub:
        PodList(f"{stub.url}/api/v1/pods", token, node="node/1&x").refresh()
        PodList(f"{stub.url}/api/v1/pods?limit=5", token, node="n").refresh()
    chosen = "fieldSelector=spec.nodeName%3Dnode%2F1%26x&resourceVersion=0"
    assert stub.seen[0].line == f"GET /api/v1/pods?{chosen} HTTP/1.1"
    assert "/pods?limit=5&fieldSelector=" in stub.seen[1].line


def test_a_renewed_token_is_used_at_the_next_call(token):
    with Stub(answers(200, BODY)) as stub:
        source = PodList(stub.url, token)
        source.refresh()
        token.write_text("renewed\n")
        source.refresh()
    assert [seen.headers["Authorization"] for seen in stub.seen] == [
        f"Bearer {TOKEN}",
        "Bearer renewed",
    ]


@pytest.mark.parametrize("url", ["http://node:10255/pods", "http://localhost.evil/pods", "node"])
def test_a_token_does_not_go_over_the_network_in_clear(url, token):
    with pytest.raises(ConfigError, match=r"--pods\.url"):
        PodList(url, token, origin="--pods.url")


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (answers(403, b"forbidden"), r"answered 403: the token may not read pods$"),
        (answers(500, BODY), r"answered 500$"),
        (answers(302, b"", "Location: https://elsewhere/"), r"answered 302$"),
        (answers(200, b"<html>"), r"did not answer with a list of pods$"),
        (answers(200, BODY[:-5]), r"did not answer with a list of pods$"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + BODY), r"or not to the end$"),
    ],
    ids=["forbidden", "error", "redirect", "page", "cut", "lost"],
)
def test_what_was_learned_stays_while_the_source_is_away(behaviour, sentence, token):
    with Stub(answers(200, BODY), behaviour) as stub:
        source = PodList(stub.url, token)
        source.refresh()
        with pytest.raises(SourceUnavailableError, match=sentence) as caught:
            source.refresh()
        assert TOKEN not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert list(source.pods) == ["u-1"]


def test_a_source_that_hangs_is_a_timeout(token):
    with Stub(hangs) as stub:
        source = PodList(stub.url, token, timeout_seconds=0.3)
        started = time.monotonic()
        with pytest.raises(SourceTimeoutError):
            source.refresh()
        assert time.monotonic() - started < 1.0


def test_a_list_without_an_end_is_refused_in_bounded_memory(token, monkeypatch):
    monkeypatch.setattr(pods, "MAX_BYTES", 1_000_000)
    with Stub(says(b"HTTP/1.1 200 OK\r\n\r\n", *[b" " * 100_000] * 200)) as stub:
        source = PodList(stub.url, token)
        tracemalloc.start()
        try:
            with pytest.raises(SourceUnavailableError, match="too much"):
                source.refresh()
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
