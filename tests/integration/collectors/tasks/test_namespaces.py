"""Whether process numbers are ours: pidfds are got by number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.integration.collectors.tasks.conftest import REPOSITORY
from tests.support.require import require

ASK = (
    "from pathlib import Path;"
    "from exporter.collectors.tasks.procfs import Procfs;"
    "from exporter.kernel.kept import Descriptors;"
    "print(Procfs(Path('/proc'), Descriptors(9)).numbers_are_ours())"
)


@pytest.mark.parametrize(
    ("entered", "expected"),
    [
        ([], "True"),
        (["unshare", "--pid", "--fork", "--mount-proc"], "True"),
        (["unshare", "--pid", "--fork"], "False"),
    ],
    ids=["here", "namespace of its own", "the proc file system of another"],
)
def test_the_proc_file_system_of_another_namespace_is_noticed(entered, expected):
    require(not entered or (os.geteuid() == 0 and shutil.which("unshare")), "this takes root")
    command = [*entered, sys.executable, "-c", ASK]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    asked = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert asked.stdout.strip() == expected
