"""Tells within a fraction of a millisecond that a process has ended.

A container's cgroup is removed moments after its last process, before any runtime says so; and a
task's process is reaped as quickly. Who waits on a pidfd can still read the last figures.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from exporter.kernel.kept import Descriptors


class ExitWatch:
    """One thread that waits for the end of processes and then calls back, in that thread."""

    def __init__(self, name: str, descriptors: Descriptors) -> None:
        """Prepare; the thread runs from the first process on. Each process costs a descriptor."""
        self._descriptors = descriptors
        self._log = structlog.get_logger("exporter.kernel.exits")
        self._lock = threading.Lock()
        self._watched: dict[int, Callable[[], object]] = {}
        self._poll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.EPOLLIN)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def watch(self, pid: int, ended: Callable[[], object]) -> bool:
        """Call `ended` once when the process ends; tell whether it is watched.

        It is not when it is gone already, when the kernel has no pidfd, or when no descriptor may
        be kept any more.
        """
        with self._lock:
            if self._stopping or not self._descriptors.take():
                return False
            try:
                descriptor = os.pidfd_open(pid)
            except OSError:
                self._descriptors.give()
                return False
            self._watched[descriptor] = ended
            self._poll.register(descriptor, select.EPOLLIN | select.EPOLLONESHOT)
            if self._thread.ident is None:
                self._thread.start()
            return True

    def stop(self) -> None:
        """End the thread and forget all processes."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            os.eventfd_write(self._wake, 1)
        if self._thread.ident is None:
            self._close()
        else:
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stopping:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._wake:
                    self._tell(descriptor)
        self._close()

    def _close(self) -> None:
        with self._lock:
            for descriptor in self._watched:
                self._give(descriptor)
            self._watched.clear()
            os.close(self._wake)
            self._poll.close()

    def _tell(self, descriptor: int) -> None:
        ended = self._watched[descriptor]
        try:
            ended()
        except Exception:  # noqa: BLE001 - a thread's boundary
            # Whoever is told next must not suffer from it.
            self._log.exception("exit.unread")
        with self._lock:
            del self._watched[descriptor]
            with suppress(OSError):
                self._poll.unregister(descriptor)
            self._give(descriptor)

    def _give(self, descriptor: int) -> None:
        os.close(descriptor)
        self._descriptors.give()
