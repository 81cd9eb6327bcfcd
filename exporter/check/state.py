"""What `check` finds of the state directory: whether the ledger can be kept there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from exporter.check.finding import Finding
from exporter.telemetry import ledger_file

_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs",
     "beegfs", "orangefs", "ocfs2", "gfs2"}
)  # fmt: skip
"""As well as all that FUSE serves, but for what keeps its files on this host."""
_LOCAL_FUSE: Final = frozenset(
    f"fuse.{name}" for name in ("fuse-overlayfs", "mergerfs", "gocryptfs", "encfs", "ntfs-3g")
)
MOUNTS: Final = Path("/proc/self/mounts")
_PARTS: Final = ("ledger.lock", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm")
_ROOM_BYTES: Final = 1 << 16


def state_finding(path: Path | None, mounts: Path = MOUNTS) -> Finding:
    """Tell whether totals outlive the process; `mounts` is what the kernel says of file systems."""
    subject = "state"
    if path is None:
        return Finding(
            subject, is_bad=False, text="in memory: counters start at zero with each start",
            fix="set --state.path to keep them",
        )  # fmt: skip
    if _is_shared(kind := _file_system(path, mounts)):
        return Finding(
            subject, is_bad=True, text=f"{path} is on {kind}, where SQLite's WAL is not safe",
            fix="give a directory on a local disk",
        )  # fmt: skip
    problem = _problem(path)
    if problem is None:
        return Finding(subject, is_bad=False, text=f"{path} can be written")
    fix = f"let uid {os.getuid()} write there, or give another --state.path"
    return Finding(subject, is_bad=True, text=problem, fix=fix)


def _problem(path: Path) -> str | None:
    """Try, and leave nothing behind: a running exporter may have the directory open."""
    try:
        existing = _existing(path.absolute())
    except OSError as error:
        return f"{error.filename} cannot be reached ({error.strerror})"
    if not existing.is_dir():
        return f"{existing} is not a directory"
    if (reason := _closed_directory(existing)) is not None:
        return f"{existing} cannot be written ({reason})"
    for each in (path / name for name in _PARTS):
        if (reason := _closed_file(each)) is not None:
            return f"{each} cannot be written ({reason})"
    return ledger_file.problem(path / "ledger.sqlite")


def _existing(path: Path) -> Path:
    """Return the path, or what is above it and there; raise OSError where we may not look."""
    while not path.exists() and not path.is_symlink():
        path = path.parent
    return path


def _closed_directory(path: Path) -> str | None:
    """Return why no file can be made there; None when one can."""
    # Rights are no answer: root has all of them, also where the disk is full or read-only.
    try:
        with TemporaryFile(dir=path) as nameless:
            nameless.write(bytes(_ROOM_BYTES))
            nameless.flush()
    except OSError as error:
        return error.strerror
    return None


def _closed_file(path: Path) -> str | None:
    """Return why the file cannot be written; None when it can, or is not there yet."""
    try:
        path.open("r+b").close()
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror
    return None


def _is_shared(kind: str) -> bool:
    if kind == "fuse" or kind.startswith("fuse."):
        return kind not in _LOCAL_FUSE
    return kind in _NETWORK_FILE_SYSTEMS


def _file_system(path: Path, mounts: Path) -> str:
    """Return the type of the file system that would hold the path, as the kernel names it."""
    wanted = Path(os.path.realpath(path))
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        _, escaped, found, *_ = line.split(" ")
        # proc_pid_mountinfo(5): spaces and the like are octal.
        mount_point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), escaped)
        if wanted.is_relative_to(mount_point) and len(mount_point) >= len(best):
            best, kind = mount_point, found
    return kind
