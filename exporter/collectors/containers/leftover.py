"""What ended containers used after our last reading of them: told by what holds them.

A cgroup keeps the CPU of its removed children, to the microsecond. Of a parent that holds nothing
but containers, what is not the sum of all readings is therefore what no reading caught.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_POD = re.compile(r"(?:^|/)(?:kubepods[^/]*-)?pod[0-9a-f_-]{32,36}(?:\.slice)?$")
_ENGINE = re.compile(r"(?:^|/)(?:docker|libpod_parent)$")


def parent_class(path: str) -> str | None:
    """Return what kind of parent holds nothing but containers; None when others may be in it."""
    if _POD.search(path):
        return "pod"
    return "docker" if _ENGINE.search(path) else None


class Leftover:
    """The books of one parent; all figures are CPU seconds."""

    def __init__(
        self, parent_seconds: float, containers: Mapping[str, float], *, is_new: bool = False
    ) -> None:
        """Open the books with what the parent and its living containers have used by now.

        Of a parent that is new, what other containers have used by now is told as well.
        """
        self._known = dict(containers)
        self._before = 0.0 if is_new else parent_seconds - sum(containers.values())
        self._ended = 0.0
        self.seconds = 0.0
        """Used by ended containers and caught by no reading; never falls."""
        self.update(parent_seconds, containers)

    def update(self, parent_seconds: float, containers: Mapping[str, float]) -> None:
        """Take new readings: the parent's, made before those of its containers.

        A container that has ended comes with its final reading once more, and then no more.
        In that order what is used in between makes the figure smaller for a moment, never larger.
        """
        for name in self._known.keys() - containers.keys():
            self._ended += self._known.pop(name)
        self._known.update(containers)
        used = parent_seconds - self._before - self._ended - sum(containers.values())
        self.seconds = max(self.seconds, used)
