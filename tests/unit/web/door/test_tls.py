"""The TLS context: what it is made of, and what is said of files that are no good."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.web.door import certificate, tls
from exporter.yaml_file import Place
from tests.support.certificates import Authority, Issued

DAY = 86400


def of(folder: Path, issued: Issued, **more: object) -> tls.Tls:
    node = {"cert_file": str(issued.cert), "key_file": str(issued.key), **more}
    return tls.tls(Place(folder / "web.yml", "tls_server_config"), node)


def refusal(folder: Path, issued: Issued, **more: object) -> str:
    with pytest.raises(ConfigError) as refused:
        tls.context(of(folder, issued, **more))
    return str(refused.value)


def test_the_context_is_what_was_asked_for(tmp_path: Path, issued: Issued) -> None:
    made = tls.context(
        of(tmp_path, issued, min_version="TLS12", max_version="TLS12",
           cipher_suites=["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
           prefer_server_cipher_suites="false", curve_preferences=["CurveP384"])
    )  # fmt: skip
    assert made.minimum_version == made.maximum_version == ssl.TLSVersion.TLSv1_2
    old = [each["name"] for each in made.get_ciphers() if each["protocol"] == "TLSv1.2"]
    assert old == ["ECDHE-RSA-AES256-GCM-SHA384"]
    assert not made.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert tls.context(of(tmp_path, issued)).options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_suites_of_tls_1_3_alone_leave_no_tls_1_2(tmp_path: Path, issued: Issued) -> None:
    made = tls.context(of(tmp_path, issued, cipher_suites=["TLS_AES_128_GCM_SHA256"]))
    assert made.minimum_version == ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("name", sorted(tls._SUITES))
def test_every_suite_that_may_be_named_is_known_to_openssl(
    tmp_path: Path, issued: Issued, name: str
) -> None:
    tls.context(of(tmp_path, issued, cipher_suites=[name]))


@pytest.mark.parametrize("name", sorted(tls._CURVES))
def test_every_curve_that_may_be_named_is_held_to_or_refused(
    tmp_path: Path, issued: Issued, name: str
) -> None:
    # Whether a server can be held to X25519 depends on Python and OpenSSL.
    with suppress(ConfigError) if name == "X25519" else nullcontext():
        tls.context(of(tmp_path, issued, curve_preferences=[name]))


def test_a_curve_that_nobody_knows_is_told(tmp_path: Path, issued: Issued) -> None:
    strange = replace(of(tmp_path, issued), curve="strange")
    with pytest.raises(ConfigError, match=r"curve_preferences: this Python cannot be held to "):
        tls.context(strange)


def test_a_key_of_another_certificate_is_told(
    tmp_path: Path, authority: Authority, issued: Issued
) -> None:
    other = authority.issue("other")
    assert "is not the key of the certificate in" in refusal(
        tmp_path, Issued(issued.cert, other.key)
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"", "holds no certificate in PEM"), (b"x" * 70_000, "larger than"),
     (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used (")],
)  # fmt: skip
def test_a_certificate_that_is_no_good_is_told(
    tmp_path: Path, issued: Issued, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "bad.crt").write_bytes(content)
    message = refusal(tmp_path, issued, cert_file="bad.crt")
    assert message.startswith(f"{tmp_path}/web.yml: tls_server_config.")
    assert said in message
    assert f"{tmp_path}/bad.crt" in message


def test_a_pipe_for_a_key_keeps_nobody_waiting(tmp_path: Path, issued: Issued) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path, issued, key_file="pipe")


def test_nobody_is_asked_for_the_password_of_a_key(tmp_path: Path, issued: Issued) -> None:
    command = ["openssl", "ec", "-in", issued.key, "-aes128", "-passout", "pass:x"]
    subprocess.run([*command, "-out", tmp_path / "locked.key"], check=True, capture_output=True)
    assert "is encrypted" in refusal(tmp_path, issued, key_file="locked.key")


def test_authorities_that_are_none_are_told(tmp_path: Path, issued: Issued) -> None:
    (tmp_path / "ca.crt").write_text("none")
    wanted = {"client_auth_type": "VerifyClientCertIfGiven", "client_ca_file": "ca.crt"}
    assert "client_ca_file: " in (message := refusal(tmp_path, issued, **wanted))
    assert "holds no certificates in PEM" in message


def test_the_end_of_a_certificate_is_told(
    tmp_path: Path, authority: Authority, issued: Issued
) -> None:
    mutual = {
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(authority.cert),
        "client_allowed_sans": ["x"],
    }
    for more in ({}, mutual, {"min_version": "TLS13"}, {"max_version": "TLS12"}):
        left = (
            certificate.expiry(of(tmp_path, issued, **more))
            - datetime.now(timezone.utc).timestamp()
        )
        assert 29 * DAY < left <= 30 * DAY


def test_a_certificate_that_no_client_takes_is_told(tmp_path: Path, authority: Authority) -> None:
    expired = authority.issue("expired", days=0)
    with pytest.raises(ConfigError, match=r"cert_file: .*expired\.crt: certificate has expired$"):
        certificate.expiry(of(tmp_path, expired))


def test_an_intermediate_certificate_may_follow(
    tmp_path: Path, authority: Authority, issued: Issued
) -> None:
    chain = tmp_path / "chain.crt"
    shutil.copy(issued.cert, chain)
    with chain.open("ab") as end:
        end.write(authority.cert.read_bytes())
    assert certificate.expiry(of(tmp_path, issued, cert_file=str(chain))) > 0
