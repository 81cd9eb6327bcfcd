"""The programs that make manifests, such as kubectl with its kustomize."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.deploy.manifests import Document, documents
from tests.support.require import require


def tool(name: str) -> str:
    """Return a program of our environment: what else the machine has may be of any age."""
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    require(program, f"there is no {name}: make venv")
    assert program is not None
    return program


def output(*command: str | Path, text: str = "") -> str:
    """Return what a command prints; fail with what it complains of."""
    done = subprocess.run(command, input=text, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kustomized(directory: Path) -> list[Document]:
    """Return what `kubectl kustomize` builds of a directory."""
    return documents(output(tool("kubectl"), "kustomize", directory))


def relative(directory: Path, to: Path) -> str:
    """Return the way there from elsewhere: kustomize takes no absolute paths."""
    return os.path.relpath(directory, to.resolve())
