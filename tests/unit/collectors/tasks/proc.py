"""A proc file system in a directory: copies of real files, or a few that a test makes up."""

from __future__ import annotations

import shutil
from pathlib import Path

from exporter.clock import Clock
from exporter.collectors.tasks.follower import Follower
from exporter.collectors.tasks.naming import Sources
from exporter.collectors.tasks.procfs import Procfs
from exporter.collectors.tasks.tries import Tries
from exporter.kernel.kept import Descriptors

FIXTURES = Path(__file__).parents[3] / "fixtures" / "proc"
SMAPS = "0-1 ---p 0 00:00 0 [rollup]\nRss: {} kB\nPss: {} kB\n"


class Proc:
    """The directory, with a clock and a follower of what is in it."""

    def __init__(self, root):
        self.root = root
        self.now = 1000.0
        self.clock = Clock(wall=lambda: 1000.0, monotonic=lambda: self.now)
        self.descriptors = Descriptors(100)
        (root / "loadavg").write_text("0 0 0 1/1 1\n")
        boot_id = root / "sys" / "kernel" / "random" / "boot_id"
        boot_id.parent.mkdir(parents=True, exist_ok=True)
        boot_id.write_text("boot 1\n")

    def copy(self, name):
        shutil.copytree(FIXTURES / name, self.root, dirs_exist_ok=True)
        for links in self.root.glob("*/links"):
            for line in links.read_text().splitlines():
                number, _, target = line.partition(" ")
                self.link(int(links.parent.name), int(number), target)

    def link(self, pid, number, target):
        path = self.root / str(pid) / "fd" / str(number)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(target)

    def put(self, pid, title=None, *, parent=1, start=None, own=0, inherited=0, state="S", kib=40):
        """Write a process anew in place, as the kernel does; ticks, and resident KiB."""
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        start = pid if start is None else start
        pages = kib // 4
        (folder / "stat").write_text(
            f"{pid} (a b) {state} {parent} 1 1 0 -1 0 {own} 0 0 0 {own} 0 {inherited} 0 20 0 1 0 "
            f"{start} 99 {pages} 1 1\n"
        )
        (folder / "smaps_rollup").write_text(SMAPS.format(kib, kib))
        if title is not None:
            (folder / "cmdline").write_bytes(title.encode() + b"\0")

    def end(self, pid):
        """End a process: a file that was kept open has nothing to say any more."""
        (self.root / str(pid) / "stat").write_text("")
        shutil.rmtree(self.root / str(pid))

    def follower(self, sources=None, *, first_look=0.0, remembered=None, watch=None):
        sources = sources or Sources()
        tries = Tries(
            Procfs(self.root, self.descriptors),
            sources,
            first_look=first_look,
            remembered=remembered or {},
            clock=self.clock,
            since_boot=lambda: 1000.0,
        )
        return Follower(tries, sources, slow_seconds=15.0, watch=watch, clock=self.clock)
