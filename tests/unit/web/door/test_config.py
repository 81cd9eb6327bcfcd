"""The web configuration file: what it says, and what is said of a bad one."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConfigError
from exporter.web.door.config import WebConfig, read

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
TLS = "tls_server_config: {cert_file: a.crt, key_file: /keys/a.key, "


def config(folder: Path, text: str) -> WebConfig:
    file = folder / "web.yml"
    file.write_text(text)
    return read(file, "--web.config.file")


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        config(folder, text)
    message = str(refused.value)
    assert "\n" not in message
    return message.replace(str(folder), "FOLDER")


@pytest.mark.parametrize("text", ["", "{}", "tls_server_config: {}\nbasic_auth_users:\n", "null"])
def test_a_file_that_says_nothing_wants_nothing(tmp_path: Path, text: str) -> None:
    assert config(tmp_path, text) == WebConfig()


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        f"""
tls_server_config:
  cert_file: a.crt
  key_file: /keys/a.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca/b.crt
  client_allowed_sans: [prometheus.example, 127.0.0.1]
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256]
http_server_config:
  http2: true
  headers: {{X-Frame-Options: DENY, Strict-Transport-Security: max-age=31536000}}
basic_auth_users:
  prometheus: {HASH}
""",
    )
    tls = found.tls
    assert tls is not None
    assert tls.files == (tmp_path / "a.crt", Path("/keys/a.key"), tmp_path / "ca/b.crt")
    assert tls.clients is ssl.CERT_REQUIRED
    assert tls.client_names == {"prometheus.example", "127.0.0.1"}
    assert tls.min_version == tls.max_version == ssl.TLSVersion.TLSv1_2
    assert tls.suites == ("ECDHE-ECDSA-AES128-GCM-SHA256",)
    assert (tls.our_order, tls.curve) == (False, "prime256v1")
    assert found.headers == (
        ("X-Frame-Options", "DENY"), ("Strict-Transport-Security", "max-age=31536000"),
    )  # fmt: skip
    assert found.users == {"prometheus": HASH.encode()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate_limit: {}", "rate_limit: no such key; there are tls_server_config, http_server"),
        ("tls_server_config: yes", "tls_server_config: must hold some of cert_file, key_file, "),
        ("tls_server_config: {cert_file: a}", "tls_server_config.key_file: must be given"),
        ("tls_server_config: {cert: x}", "tls_server_config.cert: no such key; there are cert_fi"),
        (TLS + "min_version: TLS11}", "min_version: 'TLS11' is none of TLS12, TLS13"),
        (TLS + "min_version: TLS13, max_version: TLS12}", "max_version: must not be below min_v"),
        (TLS + "client_auth_type: RequestClientCert}", "'RequestClientCert' is none of NoClient"),
        (TLS + "client_auth_type: RequireAndVerifyClientCert}", "client_ca_file: must be given"),
        (TLS + "client_ca_file: b}", "client_auth_type: must be given beside client_ca_file"),
        (TLS + "client_allowed_sans: [x]}", "client_allowed_sans: needs client_auth_type Require"),
        (TLS + "client_allowed_sans: x}", "client_allowed_sans: must be a list"),
        (TLS + "cipher_suites: [RC4]}", "cipher_suites: 'RC4' is none of TLS_AES_128_GCM_SHA256"),
        (TLS + "curve_preferences: [X25519, CurveP256]}", "curve_preferences: must name one curve"),
        (TLS + "prefer_server_cipher_suites: 1}", "prefer_server_cipher_suites: '1' is none of "),
        ("http_server_config: {headers: {Server: x}}", "headers.Server: no such key; there are C"),
        ("http_server_config: {headers: {X-Frame-Options: no}}", "must be deny or sameorigin"),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb"}}', "must be printable ASC"),
        ("http_server_config: {http2: maybe}", "http_server_config.http2: must be true or false"),
        ("basic_auth_users: [a]", "basic_auth_users: must hold something by name"),
        ("basic_auth_users: {a: [b]}", "basic_auth_users.a: must be given, as one value"),
        (f"basic_auth_users: {{'a:b': '{HASH}'}}", "basic_auth_users: a user's name has at least"),
        ("basic_auth_users: {a: hunter2}", "basic_auth_users.a: must be a bcrypt hash, as `htpass"),
        (f"basic_auth_users: {{a: '{HASH.replace('10', '31', 1)}'}}", "a cost from 4 to 15"),
        ("a: 1\na: 2", "a key is given twice near line 1"),
        ("[", "is not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    message = refusal(tmp_path, text)
    assert message.startswith("FOLDER/web.yml: ")
    assert said in message
    assert "hunter2" not in message


def test_a_file_that_is_not_there_is_told_with_the_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--web\.config\.file .*/none\.yml: no such file$"):
        read(tmp_path / "none.yml", "--web.config.file")


_LEAVES = st.text(max_size=8) | st.integers() | st.none()
_KEYS = st.sampled_from(
    ["tls_server_config", "http_server_config", "basic_auth_users", "cert_file", "key_file",
     "client_auth_type", "headers", "cipher_suites", "X-Frame-Options", "http2"]
)  # fmt: skip
_TREES = st.recursive(
    _LEAVES,
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(_KEYS, deeper, max_size=3),
)


@given(tree=_TREES)
def test_any_tree_is_a_configuration_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, tree: object
) -> None:
    folder = tmp_path_factory.getbasetemp()
    said = ""
    try:
        config(folder, yaml.safe_dump(tree))
    except ConfigError as error:
        said = str(error)
    assert "\n" not in said
