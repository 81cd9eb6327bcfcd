"""A curve of the last hour as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Final

_WIDTH: Final = 180.0
_HEIGHT: Final = 40.0
_MARGIN: Final = 2.0

_FIGURE: Final = """<figure>
<figcaption>{title} <b>{last}</b> <small>{most}</small></figcaption>
<svg viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="none" role="img" \
aria-label="{label}">{lines}</svg>
</figure>"""


@dataclass(frozen=True, slots=True)
class Curve:
    """What is drawn, the oldest value first; what is not finite is unknown."""

    title: str
    values: Sequence[float]
    shown: Callable[[float], str]


def figure(curve: Curve) -> str:
    """Return the curve with its last and its highest value, from 0 to the highest."""
    known = [each for each in curve.values if isfinite(each)]
    last = curve.shown(known[-1]) if known and isfinite(curve.values[-1]) else "unknown"
    most = f"at most {curve.shown(max(known))}" if known else ""
    label = f"{curve.title}, the last hour: {last} now, {most or 'nothing known'}"
    lines = "".join(
        f'<polyline points="{points}"/>' for points in _lines(curve.values, max(known, default=0.0))
    )
    return _FIGURE.format(
        title=escape(curve.title), last=escape(last), most=escape(most), width=_WIDTH,
        height=_HEIGHT, label=escape(label), lines=lines,
    )  # fmt: skip


def _lines(values: Sequence[float], highest: float) -> Iterator[str]:
    """Yield the points of each stretch without a gap, in units of the picture."""
    step = _WIDTH / max(1, len(values) - 1)
    room = _HEIGHT - 2 * _MARGIN
    points: list[str] = []
    for place, value in enumerate(values):
        if isfinite(value):
            level = max(0.0, value) / highest * room if highest > 0 else 0.0
            points.append(f"{place * step:.1f},{_HEIGHT - _MARGIN - level:.1f}")
        else:
            yield from _line(points)
            points = []
    yield from _line(points)


def _line(points: Sequence[str]) -> Iterator[str]:
    if points:
        # A line of one point would not be seen.
        yield " ".join(points if len(points) > 1 else [*points, *points])
