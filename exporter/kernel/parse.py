"""Single values out of the kernel's text files: any bytes in, a value or None out."""

from __future__ import annotations

LARGEST = 2**64 - 1
"""The kernel counts in 64 bits: what is larger was not written by it."""
_DIGITS = len(str(LARGEST))


def number(data: bytes) -> int | None:
    """Return the one number of a file such as memory.current; `max` and `-1` are None."""
    word = data.strip()
    # bytes.isdigit knows ASCII only; the length keeps int() from working on kilobytes.
    if len(word) > _DIGITS or not word.isdigit():
        return None
    value = int(word)
    return value if value <= LARGEST else None


def field(data: bytes, key: bytes) -> int | None:
    """Return the number after `key` in a flat-keyed file such as memory.stat.

    A last line without its end may have been cut, so it counts as missing.
    """
    needle = key + b" "
    if data.startswith(needle):
        start = len(needle)
    elif (found := data.find(b"\n" + needle)) >= 0:
        start = found + 1 + len(needle)
    else:
        return None
    end = data.find(b"\n", start)
    return number(data[start:end]) if end >= 0 else None


def pressure(data: bytes) -> tuple[int | None, int | None]:
    """Return the `some` and `full` totals of a pressure file, in microseconds.

    Format: kernel Documentation/accounting/psi.rst. cpu.pressure has no `full` line before 5.13.
    """
    return _total(data, b"some "), _total(data, b"full ")


def quota(data: bytes) -> tuple[int | None, int | None]:
    """Return quota and period of cpu.max in microseconds; the quota is None when it is `max`."""
    words = data.split(None, 2)
    if len(words) != 2:  # noqa: PLR2004 - a pair
        return None, None
    period = number(words[1])
    return (None if period is None else number(words[0])), period


def pids(data: bytes, most: int) -> list[int]:
    """Return up to `most` process ids of cgroup.procs; ids outside our namespace read 0."""
    # A last line without its end may have been cut: half a process id is another process's.
    lines = data.split(b"\n", most)[:-1]
    return [pid for line in lines if (pid := number(line))]


def _total(data: bytes, line: bytes) -> int | None:
    start = 0 if data.startswith(line) else data.find(b"\n" + line) + 1
    if not data.startswith(line, start):
        return None
    end = data.find(b"\n", start)
    found = data.find(b" total=", start, end) if end >= 0 else -1
    return number(data[found + len(b" total=") : end]) if found >= 0 else None
