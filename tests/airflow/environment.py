"""A real Airflow of a given version, installed from the package index into its own environment."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".airflow"

# psycopg2 for the scheduler and the command line, asyncpg for the API server of Airflow 3.
_DRIVERS = ("psycopg2-binary", "asyncpg")

# What DAGs reach a warehouse with, and what runs containers: the plugin serves both.
_PROVIDERS = tuple(
    f"apache-airflow-providers-{name}" for name in ("common-sql", "postgres", "docker")
)

# The provider does not start with a newer Celery.
_CELERY = ("apache-airflow-providers-celery", "celery[redis]<5.6")


def requirements(version: str) -> tuple[str, ...]:
    """Return what to install; the core's own bounds are enough for the versions we test."""
    return (f"apache-airflow=={version}", *_DRIVERS, *_PROVIDERS, *_CELERY)


def installed(version: str) -> Path:
    """Return the environment of a version, with `bin/airflow`; install it if it is not there."""
    return environment_with(version, requirements(version))


def environment_with(name: str, packages: Sequence[str]) -> Path:
    """Return the environment of this name with these packages; install it if it is not there.

    A marker file tells a finished installation from one that was cut off, and names what was
    asked for: another set of requirements installs again. Two callers wait for each other.
    """
    environment = ENVIRONMENTS / name
    marker = environment / "installed.txt"
    wanted = "\n".join(packages) + "\n"
    ENVIRONMENTS.mkdir(exist_ok=True)
    with _lock(ENVIRONMENTS / f"{name}.lock"):
        if not marker.exists() or marker.read_text() != wanted:
            _install(environment, packages)
            marker.write_text(wanted)
    return environment


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _install(environment: Path, packages: Sequence[str]) -> None:
    uv, python = _uv(), environment / "bin" / "python"
    if not python.exists():
        _run(uv, "venv", "--quiet", "--python", sys.executable, environment)
    _run(uv, "pip", "install", "--quiet", "--python", python, *packages)


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise RuntimeError("there is no uv: it is one of the development tools")
    return uv


def _run(*command: str | Path) -> None:
    # UV_PYTHON and its like would pick another environment than the one that is named.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stderr[-4000:]}")


if __name__ == "__main__":
    for _version in sys.argv[1:]:
        print(installed(_version))
