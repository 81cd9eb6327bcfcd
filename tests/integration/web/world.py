"""A daemon behind its door, and the programs that people put before it."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certificates import NO_OPENSSL, Authority, Issued, openssl_binary
from tests.support.exporter import ROOT, ExporterProcess
from tests.support.require import require

EXAMPLES = ROOT / "deploy" / "web"
ALONE = ("--no-collector.airflow", "--no-collector.containers", "--no-collector.tasks")
USER, PASSWORD = "prometheus", "change me"
HASH = "$2b$10$YZ3ONXZCQ1YTTlfatUz2vO7xxy3DE6GlUl9T8J4U68oqrT0Sl1rzu"
LOGIN = {"Authorization": f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"}
"""What the example lets in once it has the password's hash."""
CLIENT = "DNS:prometheus.example"
NO_CURL = "there is no curl: install Debian's package curl"


@dataclass
class World:
    """A folder with an example, the certificates that it names, and who issues them."""

    folder: Path
    authority: Authority
    file: Path

    @classmethod
    def of(cls, folder: Path, example: str) -> World:
        require(openssl_binary(), NO_OPENSSL)
        (folder / "issuing").mkdir(parents=True)
        world = cls(folder, Authority(folder / "issuing"), folder / example)
        shutil.copy(world.authority.cert, folder / "ca.crt")
        text = (EXAMPLES / example).read_text()
        world.file.write_text(re.sub(r"\$2b\$\S+", HASH, text))
        world.install(world.authority.issue("server"))
        return world

    def install(self, issued: Issued) -> None:
        """Put a certificate and its key in place, one after the other."""
        for path, name in ((issued.cert, "tls.crt"), (issued.key, "tls.key")):
            shutil.copy(path, self.folder / "new")
            (self.folder / "new").replace(self.folder / name)

    def trusting(self, client: Issued | None = None) -> ssl.SSLContext:
        """Return what a client needs, with a certificate of its own or without."""
        made = ssl.create_default_context(cafile=self.authority.cert)
        if client is not None:
            made.load_cert_chain(client.cert, client.key)
        return made

    def serve(
        self,
        *arguments: str,
        client: Issued | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ExporterProcess:
        """Start the daemon behind its door."""
        given = ("--web.config.file", str(self.file), *ALONE, *arguments)
        tls = self.trusting(client)
        return ExporterProcess(self.folder, *given, tls=tls, headers=headers)


def curl(*arguments: str | Path) -> tuple[int, str]:
    """Return curl's exit status and the HTTP status that it saw, 000 for none."""
    require(shutil.which("curl"), NO_CURL)
    done = subprocess.run(
        ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}",
         "--max-time", "20", *arguments],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.fixture
def guarded(tmp_path: Path) -> World:
    """Return the example with users."""
    return World.of(tmp_path / "guarded", "web-config.yml")


@pytest.fixture
def mutual(tmp_path: Path) -> World:
    """Return the example with client certificates, who must have the name in it."""
    world = World.of(tmp_path / "mutual", "web-config-mtls.yml")
    world.file.write_text(world.file.read_text().replace("# client_allowed", "client_allowed"))
    return world
