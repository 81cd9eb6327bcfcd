"""Manifests of Kubernetes: built by the real tools, and held against the schemas of Kubernetes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from exporter import config
from tests.integration.deploy.custom_resources import SPECS
from tests.support.exporter import ROOT
from tests.support.require import require

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSIONS = ("1.28", "1.37")
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""What every container of ours gives up."""

Document = dict[str, Any]


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


def read(path: Path) -> list[Document]:
    """Return the documents of a file."""
    return documents(path.read_text(encoding="utf-8"))


def documents(text: str) -> list[Document]:
    """Return the documents of a text, without those that are empty."""
    return [each for each in yaml.safe_load_all(text) if each]


def kustomized(directory: Path) -> list[Document]:
    """Return what `kubectl kustomize` builds of a directory."""
    return documents(output(tool("kubectl"), "kustomize", directory))


def relative(directory: Path, to: Path) -> str:
    """Return the way there from elsewhere: kustomize takes no absolute paths."""
    return os.path.relpath(directory, to.resolve())


def found(documents: Iterable[Document], kind: str, name: str | None = None) -> Document:
    """Return the one document of a kind and, where there are several, of a name."""
    (one,) = (
        each
        for each in documents
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    )
    return one


def validate(document: Document, version: str) -> None:
    """Raise for a field that is wrong, missing or unknown, of Kubernetes or of an operator."""
    if spec := SPECS.get(document["kind"]):
        spec(document["spec"])
    else:
        kubernetes_validate.validate(document, version, strict=True)


def unknown_flags(args: Iterable[str]) -> set[str]:
    """Return the flags that the exporter does not know."""
    flags = {argument.partition("=")[0].replace("--no-", "--") for argument in args}
    return flags - {"serve"} - {option.flag for option in config.options().values()}
