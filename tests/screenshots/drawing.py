"""A renderer with the components of one Grafana version, and what it says of a dashboard."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WINDOW = "15m"
OVERRIDES_UNTIL = 12
"""The last version whose dependency on a git address needs the renderer's override."""
_INSTALL = ("npm", "install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")


@dataclass(frozen=True)
class Drawing:
    """What was drawn of a dashboard on one version."""

    version: str
    dashboard: str
    panels: int
    drawn: int
    failed: int
    without_data: int
    page_errors: int
    trouble: str
    """The end of what the renderer said when it did not end well."""

    @property
    def row(self) -> tuple[object, ...]:
        """The row of the report."""
        return (
            self.version, self.dashboard, self.panels, self.drawn, self.failed,
            self.without_data, self.page_errors,
        )  # fmt: skip

    @property
    def good(self) -> bool:
        """Tell whether every panel was drawn with data and nothing went wrong."""
        wrong = self.failed + self.without_data + self.page_errors
        return not self.trouble and self.panels == self.drawn > 0 and not wrong


@dataclass(frozen=True)
class Renderer:
    """The renderer, installed with one version of Grafana's components."""

    version: str
    directory: Path

    @classmethod
    def installed(cls, renderer: Path, version: str, directory: Path) -> Renderer:
        """Install it into the directory, unless it is there; that takes a minute and 500 MB."""
        if not (directory / "node_modules/@grafana/ui").is_dir():
            shutil.copytree(renderer, directory, dirs_exist_ok=True)
            package = json.loads((renderer / "package.json").read_text())
            for name in package["dependencies"]:
                if name.startswith("@grafana/"):
                    package["dependencies"][name] = version
            if int(version.partition(".")[0]) > OVERRIDES_UNTIL:
                package.pop("overrides", None)
            (directory / "package.json").write_text(json.dumps(package))
            subprocess.run(_INSTALL, cwd=directory, check=True, stdout=subprocess.DEVNULL)
        return cls(version, directory)

    def drawing(
        self, dashboard: Path, prometheus: str, at: float, hours: float, out: Path
    ) -> Drawing:
        """Draw a dashboard as of a moment into `out`, and return what is said of its panels."""
        picture = out / f"{dashboard.stem}-{self.version}.png"
        command = (
            "node", "render.mjs", "--dashboard", dashboard, "--prometheus", prometheus,
            "--out", picture, "--hours", f"{hours:.3f}", "--at", f"{at:.0f}",
            "--var", f"window={WINDOW}",
        )  # fmt: skip
        done = subprocess.run(
            [str(each) for each in command],
            cwd=self.directory,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        panels: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        return Drawing(
            self.version,
            dashboard.stem.removeprefix("airflow-exporter-"),
            len(panels),
            sum(each["drawn"] for each in panels),
            sum(each["failed"] for each in panels),
            sum(each["text"].endswith("No data") for each in panels),
            done.stderr.count("page error:"),
            done.stderr.strip()[-400:] if done.returncode else "",
        )
