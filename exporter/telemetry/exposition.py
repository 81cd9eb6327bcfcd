"""The exposition: which forms are asked for, and the bodies that are ready."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from concurrent.futures import Future

from exporter.clock import Clock
from exporter.telemetry.forms import Form
from exporter.telemetry.rendering import Body, Rendering
from exporter.telemetry.table import Table

IDLE_SECONDS = 900.0
"""How long a form that nobody asks for any more is kept up to date."""


class Exposition:
    """Bodies in the forms that scrapers ask for; asking never waits for a rendering."""

    def __init__(self, clock: Clock) -> None:
        """Start with no form: each is rendered once somebody has asked for it."""
        self._clock = clock
        self._lock = threading.Lock()
        """Guards what is asked for and what is exposed, for moments only."""
        self._asked: dict[Form, float] = {}
        """Monotonic seconds of the last time."""
        self._awaited: dict[Form, Future[Body]] = {}
        self._bodies: dict[Form, Body] = {}
        self._called = threading.Event()
        self._renderings: dict[Form, dict[Table, Rendering]] = {}

    def body(self, form: Form) -> Body | Future[Body]:
        """Return the form as it was last published, or what will be, when it is new."""
        with self._lock:
            self._asked[form] = self._clock.monotonic()
            found = self._bodies.get(form)
            if found is not None:
                return found
            self._called.set()
            return self._awaited.setdefault(form, Future())

    def forms(self) -> Collection[Form]:
        """Return the forms that are ready."""
        with self._lock:
            return tuple(self._bodies)

    def publish(self, tables: Sequence[Table]) -> None:
        """Render what changed in the forms that are asked for; nobody may touch the tables.

        Each form is exposed as soon as it is ready, whatever the others take.
        """
        forms = self._wanted()
        changed = [table.taken() for table in tables]
        self._renderings = {form: self._renderings.get(form, {}) for form in forms}
        self._forget()
        for form, renderings in self._renderings.items():
            plain = self._renderings.get(Form(form.format), {}) if form.packed else {}
            for table, blocks in zip(tables, changed, strict=True):
                if table not in renderings:
                    renderings[table] = Rendering(form, table)
                    renderings[table].update(table.blocks, plain.get(table))
                elif blocks:
                    renderings[table].update(blocks, plain.get(table))
            self._expose(form, Body.of(each.family for each in renderings.values()))

    def wait(self, seconds: float) -> bool:
        """Wait, at most so long; tell whether a new form is asked for, or `wake` was called."""
        called = self._called.wait(seconds)
        self._called.clear()
        return called

    def wake(self) -> None:
        """End the wait."""
        self._called.set()

    def _wanted(self) -> list[Form]:
        """Return the forms that are asked for, plain ones first: packed ones are made of them."""
        with self._lock:
            since = self._clock.monotonic() - IDLE_SECONDS
            self._asked = {form: at for form, at in self._asked.items() if at >= since}
            return sorted(self._asked, key=lambda form: form.packed)

    def _forget(self) -> None:
        with self._lock:
            for form in self._bodies.keys() - self._renderings:
                del self._bodies[form]

    def _expose(self, form: Form, body: Body) -> None:
        with self._lock:
            self._bodies[form] = body
            awaited = self._awaited.pop(form, None)
        if awaited is not None:
            awaited.set_result(body)
