"""The account that servers run under, because PostgreSQL and PgBouncer refuse to run as root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

# Names in them are made by mkdtemp, which S108 is about.
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` that start a program as another account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """One account of the machine; `switch` tells whether it is another one than ours."""

    uid: int
    gid: int
    switch: bool

    @classmethod
    def unprivileged(cls) -> Account:
        """Return our own account, or `nobody` when we are root."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), switch=False)
        entry = pwd.getpwnam("nobody")  # initdb looks its user up: a bare number will not do
        return cls(entry.pw_uid, entry.pw_gid, switch=True)

    @property
    def identity(self) -> Identity:
        """Return what to pass to `subprocess` to run as this account."""
        return Identity(user=self.uid, group=self.gid, extra_groups=[]) if self.switch else {}

    def can_run(self, *command: str | Path) -> bool:
        """Try a harmless command as this account: only the kernel knows who may enter where."""
        try:
            done = subprocess.run(
                command, cwd="/", check=False, capture_output=True, **self.identity
            )
        except OSError:
            return False
        return done.returncode == 0

    def own(self, path: Path) -> None:
        """Hand a file or directory of ours to this account."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can_write(self, directory: Path) -> bool:
        """Tell whether this account can reach and fill a directory."""
        return self.can_run("test", "-w", directory, "-a", "-x", directory)

    def scratch(self, prefix: str) -> Path:
        """Create a temporary directory that this account owns and can reach."""
        # TMPDIR may lie under a home that others cannot enter.
        for parent in dict.fromkeys([tempfile.gettempdir(), *_SHARED]):
            with contextlib.suppress(FileNotFoundError):
                directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
                self.own(directory)
                if self.can_write(directory):
                    return directory
                shutil.rmtree(directory)
        raise RuntimeError(f"uid {self.uid} can reach no temporary directory")
