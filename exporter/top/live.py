"""The table as it goes on: on a terminal with keys, else as lines."""

from __future__ import annotations

from typing import Final, TextIO

from exporter.running.tries import RunningTries
from exporter.top.cells import fitted, tame
from exporter.top.source import Source
from exporter.top.table import summary, table
from exporter.top.terminal import taken
from exporter.top.wake import waking
from exporter.top.watching import Watching

KEYS: Final = {
    "c": "cpu", "m": "memory", "p": "peak", "a": "age", "r": "rows", "d": "dag", "t": "task"
}  # fmt: skip
"""By which key the table is sorted how."""
_QUIT: Final = frozenset("qQ")
_HELP: Final = "q quit, sort by: " + ", ".join(f"{key} {order}" for key, order in KEYS.items())


def on_terminal(
    source: Source, order: str, interval_seconds: float, keyboard: int, screen: TextIO
) -> None:
    """Show the table until q, Ctrl-C or a signal."""
    # The terminal is left before signals are as they were: nothing breaks into the leaving.
    with (
        waking() as wake,
        taken(keyboard, screen) as terminal,
        Watching(source, interval_seconds, wake.ring) as watching,
    ):
        while True:
            watching.require_alive()
            columns, height = terminal.size()
            terminal.draw(_frame(watching, order, columns, height))
            ending, typed = wake.wait(keyboard)
            keys = terminal.keys() if typed else ""
            if ending or _QUIT & {*keys} or (typed and not keys):
                return
            order = next((KEYS[key] for key in reversed(keys) if key in KEYS), order)


def as_lines(source: Source, order: str, interval_seconds: float, output: TextIO) -> None:
    """Write the table again and again until a signal, for logs and pipes."""
    with waking() as wake, Watching(source, interval_seconds, wake.ring) as watching:
        told = 0
        while not wake.wait()[0]:
            watching.require_alive()
            if watching.readings == told:
                continue
            told = watching.readings
            if watching.trouble is not None:
                output.write(f"{tame(watching.trouble)}\n\n")
            elif watching.latest is not None:
                output.write(block(watching.latest, order) + "\n")
            output.flush()


def block(found: RunningTries, order: str) -> str:
    """Return the whole table as text, nothing cut."""
    return "\n".join([summary(found), *table(found, order, None)]) + "\n"


def _frame(watching: Watching, order: str, columns: int, height: int) -> list[str]:
    """Return the lines that fill one screen."""
    found = watching.latest
    lines = [
        "waiting for the first reading" if found is None else summary(found),
        tame(watching.trouble) if watching.trouble else f"by {order}; {_HELP}",
    ]
    if found is not None:
        lines += table(found, order, columns, max(0, height - len(lines) - 1))
    lines += [""] * (height - len(lines))
    return [fitted(each, columns) for each in lines[:height]]
