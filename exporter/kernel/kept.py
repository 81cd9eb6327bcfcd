"""Files of the kernel kept open, so that reading one again is a single `pread`."""

from __future__ import annotations

import errno
import os
import resource
from stat import S_ISREG
from threading import Lock

SIZE_LIMIT = 16 * 1024
"""Bytes read of one file unless told: memory.stat has 1 to 2 KiB."""
MOST_DESCRIPTORS = 16_384
"""A kept cgroup file costs 4.6 KB of kernel memory that is charged to us: 75 MB at most."""

# A hostile tree may hold pipes, links and devices under the names that we read.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# Our own shortage or defect, not a property of the file: these are raised.
_OURS = frozenset({errno.EBADF, errno.EFAULT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
# The cgroup was removed (ENODEV), the process has ended (ESRCH).
_GONE = frozenset({errno.ENODEV, errno.ESRCH})


def descriptor_cap() -> int:
    """Raise the soft limit of open files to the hard one; return how many may be kept open.

    Half of the limit, for the whole process: sockets and databases never starve.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        hard = soft
    return MOST_DESCRIPTORS if hard < 0 else min(hard // 2, MOST_DESCRIPTORS)


class Descriptors:
    """Count the descriptors that kept files and watched processes hold; safe between threads."""

    def __init__(self, cap: int) -> None:
        """Allow `cap` descriptors to be kept open at the same time."""
        self.cap = cap
        self._open = 0
        self._lock = Lock()

    def __len__(self) -> int:
        """Count what is open."""
        return self._open

    def take(self) -> bool:
        """Reserve one descriptor; False when the cap is reached."""
        with self._lock:
            if self._open >= self.cap:
                return False
            self._open += 1
            return True

    def give(self) -> None:
        """Return one descriptor."""
        with self._lock:
            self._open -= 1


class KeptFile:
    """Read one file again and again; used by one thread at a time.

    The descriptor stays with the cgroup or process that the path first led to: once that is
    gone the answer stays None, also when a new one has taken the path. Above the cap, or
    without `descriptors`, the path is opened anew at each read and this does not hold.
    """

    __slots__ = ("_absent", "_closed", "_descriptor", "_descriptors", "_size_limit", "path")

    def __init__(
        self, path: str, descriptors: Descriptors | None, size_limit: int = SIZE_LIMIT
    ) -> None:
        """Open nothing yet; `size_limit` is in bytes, what is longer is cut."""
        self.path = path
        self._descriptors = descriptors
        self._size_limit = size_limit
        self._descriptor = -1
        self._absent = False
        self._closed = False

    @property
    def descriptor(self) -> int | None:
        """What to `pread` from; -1 where there is nothing to read, None where `read` must open."""
        if self._descriptor < 0 and not self._absent and not self._closed:
            return None
        return self._descriptor

    def read(self) -> bytes | None:
        """Return the content from its beginning, None when it is gone or cannot be read."""
        if self._descriptor < 0:
            return self._read_first()
        try:
            return os.pread(self._descriptor, self._size_limit, 0)
        except OSError as error:
            self._fail(error)
            return None

    def retry(self) -> None:
        """Look again for a file that was not there: reads alone do not, a miss costs 4 us."""
        self._absent = False

    def close(self) -> None:
        """Release the descriptor for good; every later read is None."""
        self._closed = True
        self._release()

    def _read_first(self) -> bytes | None:
        if self._absent or self._closed:
            return None
        descriptors = self._descriptors
        kept = descriptors is not None and descriptors.take()
        descriptor = -1
        try:
            descriptor = _opened(self.path)
            found = os.pread(descriptor, self._size_limit, 0)
        except OSError as error:
            self._fail(error)
            return None
        else:
            if kept:
                self._descriptor, descriptor = descriptor, -1
            return found
        finally:
            if descriptor >= 0:
                os.close(descriptor)
            if kept and descriptors is not None and self._descriptor < 0:
                descriptors.give()

    def _fail(self, error: OSError) -> None:
        if error.errno in _OURS:
            raise error
        self._absent = True
        if error.errno in _GONE:
            self.close()
        else:
            self._release()

    def _release(self) -> None:
        if self._descriptor >= 0 and self._descriptors is not None:
            os.close(self._descriptor)
            self._descriptor = -1
            self._descriptors.give()


def whole(path: str, size_limit: int) -> bytes | None:
    """Return up to `size_limit` bytes of a file that the kernel hands out a page at a time."""
    found = bytearray()
    descriptor = -1
    try:
        descriptor = _opened(path)
        while len(found) < size_limit and (part := os.read(descriptor, size_limit - len(found))):
            found += part
    except OSError as error:
        if error.errno in _OURS:
            raise
        return None
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return bytes(found)


def _opened(path: str) -> int:
    descriptor = os.open(path, _FLAGS)
    if S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
