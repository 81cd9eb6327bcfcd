"""A terminal that is taken and left, whatever happens in between."""

from __future__ import annotations

import os
import pty
import termios

import pytest

from exporter.top.terminal import taken

LEFT = b"\x1b[?7h\x1b[?25h\x1b[?1049l"


@pytest.fixture
def terminal():
    outside, inside = pty.openpty()
    with os.fdopen(outside, "rb", buffering=0) as seen, os.fdopen(inside, "w") as screen:
        yield seen, screen


def test_a_terminal_is_restored_after_a_defect(terminal):
    seen, screen = terminal
    before = termios.tcgetattr(screen)
    during = []
    with pytest.raises(ZeroDivisionError), taken(screen.fileno(), screen):
        during.append(termios.tcgetattr(screen)) or 1 / 0
    assert during != [before]
    assert termios.tcgetattr(screen) == before
    assert seen.read(1000).endswith(LEFT)


def test_lines_are_drawn_from_the_top(terminal):
    seen, screen = terminal
    with taken(screen.fileno(), screen) as shown:
        seen.read(1000)
        shown.draw(["one", "two"])
        assert seen.read(1000) == b"\x1b[Hone\r\ntwo"


def test_a_terminal_of_unknown_size_is_taken_for_a_usual_one(terminal):
    _, screen = terminal
    with taken(screen.fileno(), screen) as shown:
        assert shown.size() == (80, 24)
