"""URLs are read whole or refused, and show nothing but where they lead."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConfigError, SourceUnavailableError
from exporter.identity.endpoint import authorization, endpoint, trusting

MARKER = "Zq7!mK2w"


@pytest.mark.parametrize(
    ("url", "shown", "target"),
    [
        ("https://node:10250/pods", "https://node:10250", "/pods"),
        ("https://10.0.0.1", "https://10.0.0.1:443", "/"),
        ("http://exporter/a?b=c#d", "http://exporter:80", "/a?b=c"),
        ("https://[fd00::1]:6443/api", "https://[fd00::1]:6443", "/api"),
        (f" https://u:{MARKER}@Host:1/x?k={MARKER}\n", "https://host:1", f"/x?k={MARKER}"),
    ],
)
def test_an_address_shows_where_it_leads_and_nothing_else(url, shown, target):
    found = endpoint(url, "--flag")
    assert str(found) == shown
    assert found.target == target
    assert MARKER not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "",
        MARKER,
        f"node:10250/{MARKER}",
        f"ftp://node/{MARKER}",
        f"https:///{MARKER}",
        f"https://node:99999/{MARKER}",
        f"https://node:port/{MARKER}",
        f"https://[::1/{MARKER}",
        f"https://node/{MARKER}\r\nHost: x",
        f"https://node/a {MARKER}",
        f"https://{'x' * 64}/{MARKER}",
        f"https://nöde/{MARKER}",
    ],
)
def test_what_is_no_url_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigError) as caught:
        endpoint(url, "--flag")
    assert str(caught.value).startswith("--flag: ")
    assert MARKER not in str(caught.value)


@given(st.text() | st.text("htps:/@[]?#%.a1\n").map("https://".__add__))
def test_any_text_is_an_endpoint_or_refused(url):
    try:
        found = endpoint(url, "--flag")
    except ConfigError:
        return
    found.target.encode("ascii")
    assert found.host
    assert found.is_loopback in (True, False)
    authorization(found, None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
        ("[::2]", False),
    ],
)
def test_the_loopback_is_known(host, expected):
    assert endpoint(f"http://{host}:1/", "--flag").is_loopback is expected


def test_the_token_file_goes_before_the_url_and_is_read_each_time(tmp_path):
    to = endpoint("https://user:p%40ss@node/", "--flag")
    token = tmp_path / "token"
    token.write_text("first\n")
    assert authorization(to, None) == {"Authorization": "Basic dXNlcjpwQHNz"}
    assert authorization(to, token) == {"Authorization": "Bearer first"}
    token.write_text("second")
    assert authorization(to, token) == {"Authorization": "Bearer second"}
    assert authorization(endpoint("https://node/", "--flag"), None) == {}


def test_the_token_is_the_password_of_a_user_without_one(tmp_path):
    token = tmp_path / "token"
    token.write_text("p@:ss\n")
    shown = authorization(endpoint("https://us%65r@node/", "--flag"), token)
    assert shown == {"Authorization": "Basic dXNlcjpwQDpzcw=="}


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"Zq7!mK2w\nrest", b"Zq7!mK2w\r\nX: y", b"\xffZq7!mK2w"]
)
def test_a_token_that_no_header_takes_is_refused_without_repeating_it(tmp_path, content):
    token = tmp_path / "token"
    token.write_bytes(content)
    with pytest.raises(SourceUnavailableError, match="does not hold a token") as caught:
        authorization(endpoint("https://node/", "--flag"), token)
    assert MARKER not in str(caught.value)


def test_a_token_file_that_is_away_may_come_back(tmp_path):
    with pytest.raises(SourceUnavailableError, match="no such file"):
        authorization(endpoint("https://node/", "--flag"), tmp_path / "token")


def test_a_ca_file_that_holds_none_must_stop_the_start(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(ConfigError, match=f"{name}: cannot be read as CA"):
            trusting(tmp_path / name)
    assert trusting(None).verify_mode == ssl.CERT_REQUIRED
