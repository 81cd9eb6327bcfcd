"""Rounds of work measured in turn, so that a busy machine treats all of it alike."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import process_time_ns
from typing import NamedTuple

Round = Callable[[], float]
"""Does the work once and returns the microseconds of CPU that it took."""

_SOURCE = Path(__file__).with_name("cgroup_reader.c")


class Cost(NamedTuple):
    """Microseconds of CPU."""

    best: float
    """What the work itself takes."""
    typical: float
    """With what the machine's other work adds: the median."""

    def each(self, count: int) -> Cost:
        """Return the share of one of `count`."""
        return Cost(self.best / count, self.typical / count)


def timed(work: Callable[[], object]) -> Round:
    """Return the round of what runs in this process."""

    def once() -> float:
        began = process_time_ns()
        work()
        return (process_time_ns() - began) / 1000

    return once


def costs(
    rounds: Mapping[str, Round],
    turns: int,
    *,
    burst: int = 1,
    before: Callable[[], object] = lambda: None,
) -> dict[str, Cost]:
    """Let each take its turns, of `burst` rounds; `before` each turn is not measured.

    In bursts the processor's caches are warm; between ticks a second apart they grow cold.
    """
    times: dict[str, list[float]] = {name: [] for name in rounds}
    for _ in range(turns):
        for name, once in rounds.items():
            before()
            times[name] += [once() for _ in range(burst)]
    return {name: Cost(min(each), median(each)) for name, each in times.items()}


@contextmanager
def c_reader(directory: Path, files: Sequence[str]) -> Iterator[Round]:
    """Compile the C program into the directory and let it open the files; yield its round."""
    program = directory / "cgroup_reader"
    subprocess.run(["cc", "-O2", "-o", program, _SOURCE], check=True)
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True) as reader:
        asked, told = reader.stdin, reader.stdout
        if asked is None or told is None:
            raise RuntimeError
        asked.write("\n".join(files) + "\n\n")

        def once() -> float:
            asked.write("1\n")
            asked.flush()
            return int(told.readline()) / 1000

        yield once
        asked.close()
