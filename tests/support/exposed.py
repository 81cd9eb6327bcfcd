"""What a store exposes, as a scraper would get it."""

from __future__ import annotations

from concurrent.futures import Future

from exporter.telemetry.forms import Form
from exporter.telemetry.rendering import Body
from exporter.telemetry.store import Store
from exporter.telemetry.text import TEXT

PLAIN = Form(TEXT)
PACKED = Form(TEXT, packed=True)


def body(store: Store, form: Form = PLAIN) -> Body:
    """Return what was published last; a form that nobody had asked for is published now."""
    found = store.exposition.body(form)
    if isinstance(found, Future):
        store.publish()
        return found.result(timeout=0)
    return found


def text(store: Store) -> str:
    """Return the text."""
    return b"".join(body(store).blocks).decode()
