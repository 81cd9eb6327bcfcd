"""The reference pages: complete, up to date, and told apart when they are not."""

from __future__ import annotations

from pathlib import Path

from exporter import catalogue, config
from exporter.bundle import pages, reference

DOCS = Path(__file__).parents[3] / "docs"


def test_every_metric_and_every_option_is_on_its_page():
    texts = reference.pages()
    for family in catalogue.FAMILIES:
        assert f"`{family.name}`" in texts["metrics.md"]
    for option in config.options().values():
        assert f"`{option.variable}`" in texts["options.md"]


def test_the_committed_pages_are_what_the_code_says():
    assert pages.outdated(reference.pages(), DOCS) == []


def test_a_changed_page_is_outdated_until_it_is_written_again(tmp_path):
    texts = reference.pages()
    assert {path.name for path in pages.written(texts, tmp_path)} == {"metrics.md", "options.md"}
    (tmp_path / "metrics.md").write_text("something else", encoding="utf-8")
    assert pages.outdated(texts, tmp_path) == [tmp_path / "metrics.md"]
    pages.written(texts, tmp_path)
    assert pages.outdated(texts, tmp_path) == []
