"""What `/tasks` and `/tasks.json` answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs

from exporter.running import message
from exporter.running.tries import ORDERS, RunningTries
from exporter.web import messages
from exporter.web.html import FRESH, html
from exporter.web.messages import Request, Response, sentence
from exporter.web.tasks.page import STYLE, page

PATHS: Final = (messages.TASKS, message.PATH)
MAX_ROWS: Final = 100
"""Tries on the page: it is made in the event loop, so its size is bounded."""
_USUAL: Final = next(iter(ORDERS))


@dataclass(frozen=True)
class TasksPage:
    """Shows the last look at the tries of this host, whatever is broken behind it."""

    running: Callable[[], RunningTries | None]
    """Returns the last look; None where there was none."""
    curves: Callable[[], Mapping[str, Sequence[float]]]
    """Returns the last hour by the names of telemetry.recent."""
    rows_per_second: Callable[[str, str], float | None]
    """Tells of a DAG's task how fast the stage that it writes to took rows lately."""

    def __call__(self, request: Request) -> Response:
        """Answer one of PATHS; a browser's query may say what is sorted by."""
        return self._json() if request.path == message.PATH else self._html(request.query)

    def _html(self, query: str) -> Response:
        order = parse_qs(query).get("sort", [_USUAL])[0]
        order = order if order in ORDERS else _USUAL
        found = self.running()
        shown = None if found is None else self._first(found, order, MAX_ROWS)
        return html(page(shown, self.curves(), order), STYLE, messages.TASKS)

    def _json(self) -> Response:
        found = self.running()
        if found is None:
            text = "No tasks have been read here: see --collector.tasks."
            return sentence(503, text, path_class=messages.TASKS)
        body = message.dumped(self._first(found, _USUAL, message.MAX_TRIES))
        return Response(200, "application/json", (body,), FRESH, messages.TASKS)

    def _first(self, found: RunningTries, order: str, most: int) -> RunningTries:
        """Return the first tries in an order, with the rows of their stages."""
        if order != "rows":
            found = found.most(order, most)
        rows = self.rows_per_second
        told = [
            replace(each, rows_per_second=rows(each.dag_id, each.task_id)) for each in found.tries
        ]
        return replace(found, tries=told).most(order, most)
