"""A report as one file for a browser or a printer: nothing in it is fetched, nothing runs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from exporter.errors import ConfigError
from exporter.report.document import TOP_FINDINGS, Report, Unit, shown

WIDTH, HEIGHT = 900, 120


def html(report: Report) -> str:
    """Return the page; raise ConfigError where jinja2 is not installed."""
    try:
        import jinja2  # noqa: PLC0415 - an extra, and for this form alone
    except ImportError:
        message = "--format html needs jinja2: install airflow-perf-exporter[report]"
        raise ConfigError(message) from None
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    source = (files(__package__) / "page.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        report=report, top=TOP_FINDINGS, Unit=Unit, width=WIDTH, height=HEIGHT,
        highest=max(report.running, default=0.0), area=_area(report.running),
    ) + "\n"  # fmt: skip


def _area(values: Sequence[float]) -> str:
    """Return the points of the filled curve, in units of the picture."""
    highest = max(values, default=0.0) or 1.0
    step = WIDTH / max(1, len(values))
    points = [f"0,{HEIGHT}"]
    for place, value in enumerate(values):
        level = HEIGHT - value / highest * (HEIGHT - 10)
        points += [f"{place * step:.1f},{level:.1f}", f"{(place + 1) * step:.1f},{level:.1f}"]
    return " ".join([*points, f"{WIDTH},{HEIGHT}"])
