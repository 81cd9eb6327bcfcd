"""Every Prometheus configuration that pages and deploy/ show is one to promtool."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.exporter import ROOT
from tests.support.promtool import NO_PROMTOOL, check_config, promtool_binary
from tests.support.require import require

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FILES = (ROOT / "deploy" / "compose" / "prometheus.yml",)
MARKS = {"scrape_configs", "rule_files", "remote_write"}
"""Keys that tell a configuration of Prometheus from YAML of anything else."""
SINCE_PROMETHEUS_3 = ("scrape_native_histograms", "always_scrape_classic_histograms")
"""Options that Debian's promtool (2.42) does not know yet."""


def shown() -> Iterator[tuple[str, str]]:
    """Yield where each configuration stands, and its text."""
    for page in PAGES:
        for block in re.findall(r"^ *```yaml\n(.*?)^ *```$", page.read_text(), re.M | re.S):
            text = textwrap.dedent(block)
            if MARKS & set(yaml.safe_load(text)):
                yield page.name, text
    for file in FILES:
        yield file.name, file.read_text()


EXAMPLES = list(shown())


def complaints(directory: Path, text: str) -> list[str]:
    require(promtool_binary(), NO_PROMTOOL)
    later = "|".join(SINCE_PROMETHEUS_3)
    file = directory / "prometheus.yml"
    file.write_text(re.sub(rf"^ *({later}): .*\n", "", text, flags=re.M))
    return check_config(file)


@pytest.mark.parametrize("text", [text for _, text in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_promtool_takes_each(text: str, tmp_path: Path) -> None:
    assert complaints(tmp_path, text) == []


def test_a_key_that_does_not_exist_would_be_found(tmp_path: Path) -> None:
    wrong = EXAMPLES[0][1].replace("honor_labels", "honour_labels")
    assert "field honour_labels not found" in " ".join(complaints(tmp_path, wrong))


def test_the_pages_that_show_one_are_known() -> None:
    assert {"README.md", "dashboards.md", "exposition.md", "scaling.md"} <= {
        name for name, _ in EXAMPLES
    }


@pytest.mark.parametrize("text", [text for _, text in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_whoever_names_a_target_keeps_our_labels_and_names_the_installation(text: str) -> None:
    for each in yaml.safe_load(text).get("scrape_configs", ()):
        targets = each.get("static_configs", ())
        assert not targets or each.get("honor_labels")
        assert all("airflow" in group["labels"] for group in targets)
