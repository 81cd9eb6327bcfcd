"""Whether two answers of Prometheus say the same."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose

import pytest

Answer = Sequence[tuple[dict[str, str], float]]


def assert_alike(expected: Answer, found: Answer, *, ranked: object = False) -> None:
    """Compare series by series; in a ranking only values, for its last may be any of equals."""
    if ranked:
        pairs = zip(sorted(v for _, v in expected), sorted(v for _, v in found), strict=True)
        assert all(isclose(*pair, rel_tol=1e-9, abs_tol=1e-9) for pair in pairs)
        return
    by_labels = [{frozenset(k.items()): v for k, v in each} for each in (expected, found)]
    assert by_labels[0] == pytest.approx(by_labels[1], rel=1e-9, abs=1e-9)
