"""What several tests of manifests build."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.integration.deploy.manifests import KUBERNETES, Document
from tests.integration.deploy.tools import kustomized, relative


@pytest.fixture(scope="session")
def with_intake(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """Return what kustomize builds of the base with the intake, as a user would ask for it."""
    own: Path = tmp_path_factory.mktemp("own")
    files = {
        "resources": [relative(KUBERNETES / "base", own)],
        "components": [relative(KUBERNETES / "components" / "intake", own)],
    }
    (own / "kustomization.yaml").write_text(yaml.safe_dump(files))
    return kustomized(own)
