"""Links between the pages lead somewhere, and to a heading where they name one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
HUB = ("deploy", "kubernetes", "security", "troubleshooting", "upgrade")


def links(page: Path) -> set[str]:
    """Return the targets of a page's links that are in the repository."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    return {each for each in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in each}


def anchors(page: Path) -> set[str]:
    """Return what a page's headings are called in links, as GitHub does it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=[each.name for each in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("name", HUB)
def test_the_readme_or_the_page_of_deploying_leads_to_each_page_of_running(name: str) -> None:
    found = links(ROOT / "README.md") | links(ROOT / "docs" / "deploy.md")
    assert {f"docs/{name}.md", f"{name}.md"} & {each.partition("#")[0] for each in found}
