"""The rows file."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.rows.rules import Rules, read
from exporter.rows.stages import Place, is_expected, place
from exporter.rows.told import Names

WHOLE = """
fields:
  rows: [loaded, rows]
tasks:
  - dag: sales_.*
    task: load_.*
    pipeline: sales
    stage: bronze
  - dag: sales_.*
    pipeline: sales
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "rows.yml"


def test_a_file_names_fields_and_places_tasks(written: Path) -> None:
    written.write_text(WHOLE)
    rules = read(written, "--rows.file")
    assert rules.names == Names(rows=("loaded", "rows"))
    assert place("sales_eu", "load_x", rules=rules.tasks) == Place("sales", "bronze")
    assert place("sales_eu", "check", rules=rules.tasks) == Place("sales", "unknown")
    assert is_expected("sales_eu", "load_x", rules.tasks)
    assert not is_expected("sales_eu", "check", rules.tasks)


def test_the_file_of_the_page_can_be_read(written: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rows.md").read_text(encoding="utf-8")
    written.write_text(page.split("```yaml\n")[1].split("```")[0])
    assert len(read(written, "--rows.file").tasks) == 1


@pytest.mark.parametrize("text", ["", "fields:\ntasks:\n", "~"])
def test_an_empty_file_says_nothing(text: str, written: Path) -> None:
    written.write_text(text)
    assert read(written, "--rows.file") == Rules()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rules: []", "rules: no such key; there are fields, tasks"),
        ("- x", "must be a map of fields, tasks"),
        ("fields: {size: [a]}", "fields: size: no such key; there are rows, bytes, seconds"),
        ("fields: {rows: a}", "fields.rows: must be a list of one to 20 names"),
        ("fields: {rows: []}", "fields.rows: must be a list of one to 20 names"),
        ("fields: {rows: [{a: b}]}", "fields.rows[0]: must be a text of one to 200 characters"),
        ("tasks: {a: b}", "tasks: must be a list of at most 1000 rules"),
        ("tasks: [a]", "tasks[0]: must be a map of dag, task, pipeline, stage"),
        ("tasks: [{dag: '(', stage: x}]", "tasks[0].dag: is not a regular expression"),
        ("tasks: [{stage: x}]", "tasks[0]: needs dag or task"),
        ("tasks: [{dag: x, stage: __other__}]", "tasks[0].stage: must be 1 to 200 characters that"),
        (
            'tasks: [{dag: x, pipeline: "a\\u200b"}]',
            "tasks[0].pipeline: must be 1 to 200 characters",
        ),
        ("tasks: [{dag: x}]", "tasks[0]: says nothing of the DAG's tasks: needs pipeline, stage"),
        ("tasks: [{dag: x, stage: [y]}]", "tasks[0].stage: must be a text"),
        ("tasks: [{dag: x, stag: y}]", "tasks[0]: stag: no such key"),
    ],
)
def test_what_is_wrong_is_named(text: str, sentence: str, written: Path) -> None:
    written.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read(written, "--rows.file")
    assert sentence in str(refused.value)
    assert str(written) in str(refused.value)
