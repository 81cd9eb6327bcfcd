"""Certificates of a test's own authority, made by the program openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NO_OPENSSL = "there is no openssl: install Debian's package openssl"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl_binary() -> str | None:
    """Return the path of the program."""
    return shutil.which("openssl")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, both in PEM."""

    cert: Path
    key: Path


class Authority:
    """Issues certificates into a directory."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        """Make the authority's own certificate."""
        self._directory = directory
        self._name = name
        self.cert, self._key = directory / f"{name}.crt", directory / f"{name}.key"
        self._number = 0
        _openssl(
            "req", "-x509", *_CURVE, "-days", "30", "-subj", f"/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", self._key, "-out", self.cert,
        )  # fmt: skip

    def issue(self, name: str, names: str = "IP:127.0.0.1,DNS:localhost", days: int = 30) -> Issued:
        """Issue a certificate for `names` (OpenSSL's form); one of 0 days has expired."""
        cert, key = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        request, extensions = cert.with_suffix(".csr"), cert.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        self._number += 1
        _openssl("req", "-new", *_CURVE, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key,
            "-set_serial", str(self._number), "-days", str(days),
            "-extfile", extensions, "-out", cert,
        )  # fmt: skip
        return Issued(cert, key)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(
        [openssl_binary() or "openssl", *arguments], check=True, capture_output=True, timeout=60
    )
