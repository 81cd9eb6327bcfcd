"""The Compose file in a directory of its own, so that its passwords stay out of the sources."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from docker.models.containers import Container

from tests.integration.deploy.stand_ins import POSTGRES, PROMETHEUS
from tests.support.docker_engine import DockerEngine
from tests.support.exporter import ROOT

NO_COMPOSE = "there is no docker-compose: install Debian's package of that name"
NEEDED = ("deploy/compose", "deploy/sql", "grafana/dashboards", "grafana/rules")
PROJECT = "demo"


def copied(directory: Path) -> Path:
    """Copy what the file mounts, make passwords, and return the file."""
    for each in NEEDED:
        leave = shutil.ignore_patterns("secrets", ".env")
        shutil.copytree(ROOT / each, directory / each, ignore=leave)
    file = directory / "deploy" / "compose" / "docker-compose.yml"
    subprocess.run(["sh", file.with_name("secrets.sh")], check=True)
    return file


def compose(
    file: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run docker-compose on a file."""
    return subprocess.run(
        ["docker-compose", f"--file={file}", f"--project-name={PROJECT}", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **(environment or {})},
    )


class Stack:
    """What the file brings up in an engine that has the image and the stand-ins."""

    def __init__(self, engine: DockerEngine, file: Path, image: str) -> None:
        """Bring up the exporter, what it waits for, and Prometheus."""
        self._engine = engine
        images = {"EXPORTER_IMAGE": image, "POSTGRES_IMAGE": POSTGRES}
        environment = {"DOCKER_HOST": engine.url, "PROMETHEUS_IMAGE": PROMETHEUS, **images}
        up = ("up", "--detach", "--no-build", "exporter", "prometheus")
        done = compose(file, *up, environment=environment)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])

    def service(self, name: str) -> Container:
        """Return the container of a service."""
        return self._engine.client.containers.get(f"{PROJECT}_{name}_1")
