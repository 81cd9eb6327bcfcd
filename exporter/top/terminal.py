"""A terminal that is ours for a while: another screen, keys one by one, restored at the end."""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TextIO

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""The alternate screen, no cursor, no wrapping (xterm's control sequences)."""
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_CHARACTERS: Final = 6
"""Places in the list of termios.tcgetattr."""


class Terminal:
    """The screen and the keyboard."""

    def __init__(self, keyboard: int, screen: TextIO) -> None:
        """`taken` is the usual way here."""
        self.keyboard = keyboard
        self._screen = screen

    def size(self) -> tuple[int, int]:
        """Return columns and lines as they are now."""
        found = os.get_terminal_size(self._screen.fileno())
        # Some say 0 for what they do not know.
        return found.columns or 80, found.lines or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, which fill the screen, without flicker."""
        self._screen.write(_HOME + "\n".join(lines))
        self._screen.flush()

    def keys(self) -> str:
        """Return what was typed; empty when there is no keyboard any more."""
        return os.read(self.keyboard, 64).decode("ascii", "replace")


@contextmanager
def taken(keyboard: int, screen: TextIO) -> Iterator[Terminal]:
    """Take a terminal; whatever happens, it is left as it was."""
    before = termios.tcgetattr(keyboard)
    try:
        tty.setcbreak(keyboard)
        _without_suspending(keyboard)
        screen.write(_ENTER)
        screen.flush()
        yield Terminal(keyboard, screen)
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        screen.write(_LEAVE)
        screen.flush()


def _without_suspending(keyboard: int) -> None:
    """Let Ctrl-Z do nothing: the shell would be left with our screen."""
    attributes = termios.tcgetattr(keyboard)
    disabled = os.fpathconf(keyboard, "PC_VDISABLE")
    attributes[_CHARACTERS][termios.VSUSP] = bytes((disabled,))
    termios.tcsetattr(keyboard, termios.TCSANOW, attributes)
