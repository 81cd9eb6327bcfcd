"""The workflows: a real auditor finds nothing, and they run what everybody runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.exporter import ROOT
from tests.support.require import require

WORKFLOWS = ROOT / ".github" / "workflows"


def audited(directory: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    require(program, "there is no zizmor: make venv")
    assert program is not None
    return subprocess.run(
        [program, "--offline", "--no-progress", "--persona=pedantic", directory],
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_auditor_finds_nothing() -> None:
    done = audited(WORKFLOWS)
    assert done.returncode == 0, done.stdout


def test_an_action_by_a_tag_or_a_wrong_key_would_be_found(tmp_path: Path) -> None:
    workflow = (WORKFLOWS / "ci.yml").read_text()
    for right, wrong in (("@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4"), ("jobs:", "job:")):
        (tmp_path / "ci.yml").write_text(workflow.replace(right, wrong))
        assert audited(tmp_path).returncode != 0


def test_no_workflow_asks_for_a_secret_and_ci_is_what_everybody_runs() -> None:
    texts = {path.name: path.read_text() for path in WORKFLOWS.iterdir()}
    assert not [name for name, text in texts.items() if "secrets." in text]
    assert "bash .ci/run" in texts["ci.yml"]
