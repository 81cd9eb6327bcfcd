"""Prometheus' own judge of metrics and rules: Debian's package `prometheus` has it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

NO_PROMTOOL = "there is no promtool: install Debian's package prometheus"


def promtool_binary() -> str | None:
    """Return the path of promtool."""
    return shutil.which("promtool")


def check_metrics(text: str) -> list[str]:
    """Return what promtool says against a text exposition, a line each; [] is praise."""
    return _complaints(["check", "metrics"], text)


def check_rules(path: Path) -> list[str]:
    """Return what promtool says against a rules file; [] is praise."""
    return _complaints(["check", "rules", "--lint-fatal", str(path)])


def check_config(path: Path) -> list[str]:
    """Return what promtool says against a configuration of Prometheus; [] is praise."""
    return _complaints(["check", "config", str(path)])


def check_web_config(path: Path) -> list[str]:
    """Return what promtool says against a web configuration file; [] is praise."""
    return _complaints(["check", "web-config", str(path)])


def rule_failures(path: Path) -> list[str]:
    """Return what fails in a file of rule unit tests; [] is praise."""
    return _complaints(["test", "rules", str(path)])


def _complaints(arguments: list[str], text: str = "") -> list[str]:
    done = subprocess.run(
        [promtool_binary() or "promtool", *arguments],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if done.returncode != 0 and not lines:
        lines = [f"promtool ended with {done.returncode}: {done.stdout.strip()}"]
    # A later promtool may warn on standard error and still be content.
    return lines if done.returncode != 0 else []
