"""Databases of each kind, and collectors on them that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.collectors.airflow.subject import Subject


@pytest.fixture(params=["postgresql", "sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the DSN of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'airflow.db'}"
    return str(request.getfixturevalue("database"))


@pytest.fixture
def subject() -> Iterator[Callable[..., Subject]]:
    """Return what makes subjects; they are closed at the end."""
    made: list[Subject] = []

    def make(*arguments: Any, **options: Any) -> Subject:
        made.append(Subject(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
