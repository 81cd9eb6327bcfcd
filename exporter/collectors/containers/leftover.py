"""What ended containers used after our last reading of them: told by what holds them.

A cgroup keeps the CPU of its removed children, to the microsecond. Of a parent that holds nothing
but containers, what is not the sum of all readings is therefore what no reading caught.
"""

from __future__ import annotations

import re

_POD = re.compile(r"(?:^|/)(?:kubepods[^/]*-)?pod[0-9a-f_-]{32,36}(?:\.slice)?$")
_ENGINE = re.compile(r"(?:^|/)(?:docker|libpod_parent)$")


def parent_class(path: str) -> str | None:
    """Return what kind of parent holds nothing but containers; None when others may be in it."""
    if _POD.search(path):
        return "pod"
    return "docker" if _ENGINE.search(path) else None


class Leftover:
    """The books of one parent; all figures are CPU seconds."""

    def __init__(self, *, is_new: bool = False) -> None:
        """Open the books; of a parent that is new, all that it has used until now is told."""
        self._before: float | None = 0.0 if is_new else None
        """Used before the first look, by who had ended then."""
        self._ended = 0.0
        self.seconds = 0.0
        """Used by ended containers and caught by no reading; never falls."""

    def end(self, container_seconds: float) -> None:
        """Take the last reading of a container that has ended."""
        self._ended += container_seconds

    def update(self, parent_seconds: float, living_seconds: float) -> None:
        """Take new readings: the parent's, and after it those of its living containers.

        In that order what is used in between makes the figure smaller for a moment, never larger.
        """
        unread = parent_seconds - living_seconds - self._ended
        if self._before is None:
            self._before = unread
        self.seconds = max(self.seconds, unread - self._before)
