"""What a scraper gets: the store's families, those of the process, and the format's end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import TypeAlias

from exporter.telemetry.exposition import Exposition
from exporter.telemetry.forms import Form
from exporter.telemetry.rendering import Body, packed, rendered
from exporter.telemetry.table import Table

Blocks: TypeAlias = tuple[bytes, ...]


class Scrape:
    """Answers with ready bytes; only the few of the process are made on demand."""

    def __init__(self, exposition: Exposition, process: Callable[[], Sequence[Table]]) -> None:
        """Join what is published to the process's own tables."""
        self._exposition = exposition
        self._process = process

    def __call__(self, form: Form, names: Collection[str] = ()) -> Blocks | Future[Blocks]:
        """Return the body in a form, only families of these names where there are any.

        A future where nobody has asked for the form before: it is rendered with the next
        publication.
        """
        body = self._exposition.body(form)
        if isinstance(body, Body):
            return self._whole(form, body, names)
        whole: Future[Blocks] = Future()
        body.add_done_callback(lambda it: whole.set_result(self._whole(form, it.result(), names)))
        return whole

    def _whole(self, form: Form, body: Body, names: Collection[str]) -> Blocks:
        own = rendered(form.format, self._process())
        last = b"".join((*(own.only(names) if names else own.blocks), form.format.end))
        blocks = body.only(names) if names else body.blocks
        return (*blocks, packed(last) if form.packed else last) if last else blocks
