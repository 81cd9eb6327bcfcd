"""Looks at processes the way the tasks collector does: through /proc."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

_PROC = Path("/proc")


def wait_until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Poll until the condition holds; fail when it never does."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"not so within {seconds} s"
        sleep(0.01)


def command_line(pid: int) -> bytes:
    """Return the raw command line; nothing for a zombie or a process that is gone."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def open_files(pid: int) -> list[str]:
    """Return what the descriptors of a process point at."""
    return [str(each.readlink()) for each in (_PROC / str(pid) / "fd").iterdir()]


def children(pid: int) -> list[int]:
    """Return the living children of a process."""
    try:
        found = (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(each) for each in found if command_line(int(each))]


def in_group(group: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found
