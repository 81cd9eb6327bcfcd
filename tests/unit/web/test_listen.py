"""Addresses as users write them."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConfigError
from exporter.values import Given
from exporter.web import listen


def _ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _ipv6(), reason="this host has no IPv6")


@needs_ipv6
def test_a_port_alone_means_all_interfaces_of_both_families() -> None:
    with listen.listening(":0") as sock:
        port = sock.getsockname()[1]
        assert listen.shown(sock) == f"[::]:{port}"
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=20).close()


def test_a_host_without_ipv6_serves_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listen.listening(":0") as sock:
        assert listen.shown(sock) == f"0.0.0.0:{sock.getsockname()[1]}"


@needs_ipv6
def test_a_bracketed_address_is_ipv6() -> None:
    with listen.listening("[::1]:0") as sock:
        assert listen.shown(sock) == f"[::1]:{sock.getsockname()[1]}"


def test_a_name_prefers_ipv4() -> None:
    with listen.listening("localhost:0") as sock:
        assert listen.shown(sock) == f"127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize(
    "address",
    ["", "10112", "host", "host:", "host:http", "host:-1", "host:65536", "::1:80", "[::1:80",
     "[::1]", "a]:1", ":²", ":\N{ARABIC-INDIC DIGIT THREE}", ":" + "9" * 5000],
)  # fmt: skip
def test_what_is_no_address_says_how_to_write_one(address: str) -> None:
    with pytest.raises(ConfigError, match=r"write :PORT, HOST:PORT, \[IPV6\]:PORT or unix:PATH\.$"):
        listen.listening(address)


@pytest.mark.parametrize(
    "address", ["192.0.2.1:0", "no-such-host.invalid:0", "[::g]:0", "a..b:0", f"{'x' * 64}:0"]
)
def test_what_cannot_be_listened_on_is_named_with_the_reason(address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        listen.listening(address)
    text = str(raised.value)
    assert text.startswith(f"Cannot listen on {address}: ")
    assert text.endswith(".")


def test_a_path_is_a_socket_for_user_and_group_and_goes_with_its_end(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    for _ in range(2):
        with listen.listening(f"unix:{path}") as sock:
            assert listen.shown(sock) == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
        assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with (
        listen.listening(f"unix:{path}"),
        pytest.raises(ConfigError, match=rf"^Cannot listen on unix:{path}: Address already in use"),
    ):
        listen.listening(f"unix:{path}")


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("kept")
    with pytest.raises(ConfigError, match="Address already in use"):
        listen.listening(f"unix:{path}")
    assert path.read_text() == "kept"


@pytest.mark.parametrize(
    "address",
    ["unix:", "unix:/no/such/x", f"unix:/{'x' * 200}", "unix:/\0x", "fd:x", "fd:0", "fd:9999"],
)
def test_what_is_no_place_for_a_socket_is_told(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^Cannot listen on "):
        listen.listening(address)


def test_a_socket_that_is_handed_over_is_served() -> None:
    given = socket.create_server(("127.0.0.1", 0))
    with listen.listening(f"fd:{given.detach()}") as sock:
        socket.create_connection(sock.getsockname(), timeout=20).close()


def test_what_systemd_hands_over_is_for_the_process_that_it_names() -> None:
    environ = {"LISTEN_FDS": "2", "LISTEN_PID": "7"}
    assert listen.inherited(environ, 7) == ("fd:3", "fd:4")
    for other in ({}, {"LISTEN_PID": "7"}, {"LISTEN_PID": "7", "LISTEN_FDS": "x"}):
        with pytest.raises(ConfigError, match=r"^--web\.systemd-socket: "):
            listen.inherited(other, 7)
    with pytest.raises(ConfigError, match=r"^--web\.systemd-socket: "):
        listen.inherited(environ, 8)


@pytest.mark.parametrize("address", ["10112", "192.0.2.1:0"])
def test_a_refused_address_is_told_with_where_it_was_given(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^--web\.listen-address: Cannot listen on .+\.$"):
        listen.listening(Given(address, "--web.listen-address"))


@given(st.text(alphabet="[]:.%a1 \x00é", max_size=12).filter(lambda text: not text.endswith(":1")))
def test_any_text_is_an_address_or_a_config_error(address: str) -> None:
    with suppress(ConfigError):
        listen.listening(address if address[-2:] == ":0" else f"{address}:x").close()
