"""Tests of what decides between a skip and a failure."""

from __future__ import annotations

import pytest

from tests.support.require import require


def test_what_is_there_is_no_reason_to_skip() -> None:
    require(True, "it is there")


def test_what_is_missing_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no docker"):
        require(False, "no docker")


def test_what_is_missing_fails_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="no docker"):
        require(False, "no docker")
