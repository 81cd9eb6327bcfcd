"""What a manifest may say: the schemas of Kubernetes and operators, and flags of the exporter."""

from __future__ import annotations

from collections.abc import Iterable

import kubernetes_validate

from exporter import config
from tests.integration.deploy.custom_resources import SPECS
from tests.integration.deploy.manifests import Document

VERSIONS = ("1.28", "1.37")
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""What every container of ours gives up."""


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
