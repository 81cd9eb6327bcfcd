"""What ended containers used after our last reading of them: told by what holds them.

A cgroup keeps the CPU of its removed children, to the microsecond. Of one that holds nothing but
containers, what is not the sum of all readings is therefore what no reading caught.
"""

from __future__ import annotations

from exporter.kernel.layout import holds_all_pods, is_pod

_ENGINES = frozenset({"docker", "libpod_parent"})
USUAL_HOLDERS = frozenset({"/docker", "/libpod_parent", "/kubepods", "/kubepods.slice"})


def holder(parent: str) -> str | None:
    """Return what keeps the books of a container's parent; None where others may be in it.

    A pod's cgroup is removed moments after its containers; the one that holds all pods stays.
    """
    names = parent.split("/")
    if names[-1] in _ENGINES:
        return parent
    if not is_pod(names[-1]):
        return None
    while names and not holds_all_pods(names[-1]):
        names.pop()
    return "/".join(names) or parent


def holder_class(path: str) -> str:
    """Return what a holder holds: the containers of an engine, or pods."""
    return "docker" if path.rpartition("/")[2] in _ENGINES else "pod"


class Leftover:
    """The books of one holder; all figures are CPU seconds."""

    def __init__(self, *, is_new: bool = False) -> None:
        """Open the books; of a holder that is new, all that it has used until now is told."""
        self.is_begun = is_new
        """Whether it is known what was used before the first look, by who had ended then."""
        self._before = 0.0
        self._ended = 0.0
        self.seconds = 0.0
        """Used by ended containers and caught by no reading; never falls."""

    def end(self, container_seconds: float) -> None:
        """Take the last reading of a container that has ended."""
        self._ended += container_seconds

    def update(self, held_seconds: float, living_seconds: float) -> None:
        """Take new readings: the holder's, and after it those of its living containers.

        In that order what is used in between makes the figure smaller for a moment, never larger.
        """
        unread = held_seconds - living_seconds - self._ended
        if not self.is_begun:
            self.is_begun = True
            self._before = unread
        self.seconds = max(self.seconds, unread - self._before)
