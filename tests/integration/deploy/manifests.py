"""Manifests of Kubernetes: where they are, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.support.exporter import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"

Document = dict[str, Any]


def read(path: Path) -> list[Document]:
    """Return the documents of a file."""
    return documents(path.read_text(encoding="utf-8"))


def documents(text: str) -> list[Document]:
    """Return the documents of a text, without those that are empty."""
    return [each for each in yaml.safe_load_all(text) if each]


def found(documents: Iterable[Document], kind: str, name: str | None = None) -> Document:
    """Return the one document of a kind and, where there are several, of a name."""
    (one,) = (
        each
        for each in documents
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    )
    return one


def pod(workload: Document) -> Document:
    """Return the specification of a workload's pods."""
    spec: Document = workload["spec"]["template"]["spec"]
    return spec
