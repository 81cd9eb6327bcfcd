"""What a scraper gets: the store's families, those of the process, and the format's end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
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
        self._own: dict[Form, _Own] = {}

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
        own = self._own_of(form)
        last = _last(form, own.body.only(names)) if names else own.last
        blocks = body.only(names) if names else body.blocks
        return (*blocks, last) if last else blocks

    def _own_of(self, form: Form) -> _Own:
        tables = self._process()
        own = self._own.get(form)
        if own is None or own.tables is not tables:
            body = rendered(form.format, tables)
            own = self._own[form] = _Own(tables, body, _last(form, body.blocks))
        return own


@dataclass(frozen=True, slots=True)
class _Own:
    """The process's own families in one form."""

    tables: Sequence[Table]
    body: Body
    last: bytes
    """All of them, and the format's end."""


def _last(form: Form, blocks: Blocks) -> bytes:
    last = b"".join((*blocks, form.format.end))
    return packed(last) if form.packed and last else last
