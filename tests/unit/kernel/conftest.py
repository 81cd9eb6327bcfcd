"""A cgroup whose files a test writes, and descriptors for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.kernel.cgroup import Cgroup
from exporter.kernel.kept import Descriptors
from tests.unit.kernel.kernel import everywhere


@pytest.fixture
def descriptors() -> Descriptors:
    return Descriptors(1000)


@pytest.fixture
def writable(tmp_path: Path, descriptors: Descriptors) -> tuple[Path, Cgroup]:
    return tmp_path, Cgroup(everywhere(2, tmp_path), descriptors)
