"""What the kernel's files about a process say: total parsers, any bytes in, a value or None out.

Formats: proc(5), fs/proc/array.c and fs/proc/task_mmu.c. The kernel writes every number here in
decimal and none is negative; what does not fit 64 bits was not written by it.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import NamedTuple

from exporter.kernel.parse import LARGEST

_FIELDS = 22
"""Fields of stat after the name, up to the resident pages."""
_WANTED = itemgetter(1, 7, 11, 12, 13, 14, 19, 21)
"""Parent; faults; user and system time, its own and its children's; start; resident pages."""
_MOST_DIGITS = 8 * 20
# None of these lines is the first of its file. A last one without its end may have been cut.
_RSS = re.compile(rb"\nRss: *([0-9]{1,16}) kB\n")
_PSS = re.compile(rb"\nPss: *([0-9]{1,16}) kB\n")
_HIGH_WATER = re.compile(rb"\nVmHWM:[ \t]*([0-9]{1,16}) kB\n")
_READ = re.compile(rb"\nread_bytes: ([0-9]{1,19})\n")
_WRITTEN = re.compile(rb"\nwrite_bytes: ([0-9]{1,19})\n")
_KIB = 1024


ZOMBIE = b"Z"
"""State of a process that has ended and that its parent has not waited for."""


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that are of use here."""

    state: bytes
    """One letter."""
    parent: int
    faults: int
    """Grows whenever it touches memory that it has not had before."""
    own_ticks: int
    """CPU of its own threads, user and system, in clock ticks."""
    inherited_ticks: int
    """CPU of the children that it has waited for, and of theirs, in clock ticks."""
    start_ticks: int
    rss_pages: int


class Resident(NamedTuple):
    """Memory of a process by /proc/PID/smaps_rollup, in bytes."""

    rss: int
    pss: int
    """Pages that n processes share count 1/n."""


class Storage(NamedTuple):
    """Bytes that a process, and the children that it has waited for, moved to and from storage."""

    read: int
    written: int


def parsed_stat(data: bytes) -> Stat | None:
    """Read /proc/PID/stat."""
    # The name stands in parentheses and may itself hold any of them, and blanks.
    end = data.rfind(b")")
    fields = data[end + 1 :].split(None, _FIELDS)
    if end < 0 or len(fields) < _FIELDS:
        return None
    texts = _WANTED(fields)
    digits = b"".join(texts)
    # bytes.isdigit knows ASCII only; the length keeps int() from working on kilobytes.
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:
        return None
    numbers = [*map(int, texts)]
    if max(numbers) > LARGEST:
        return None
    parent, faults, user, system, waited_user, waited_system, start, rss = numbers
    return Stat(fields[0], parent, faults, user + system, waited_user + waited_system, start, rss)


def parsed_resident(data: bytes) -> Resident | None:
    """Read /proc/PID/smaps_rollup."""
    rss, pss = _RSS.search(data), _PSS.search(data)
    if rss is None or pss is None:
        return None
    return Resident(int(rss[1]) * _KIB, int(pss[1]) * _KIB)


def parsed_high_water(data: bytes) -> int | None:
    """Read from /proc/PID/status the most memory that was ever resident, in bytes."""
    found = _HIGH_WATER.search(data)
    return None if found is None else int(found[1]) * _KIB


def parsed_storage(data: bytes) -> Storage | None:
    """Read /proc/PID/io."""
    read, written = _READ.search(data), _WRITTEN.search(data)
    if read is None or written is None:
        return None
    return Storage(int(read[1]), int(written[1]))
