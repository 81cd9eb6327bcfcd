"""Kubernetes label values that Airflow made of ids, and the way back."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Collection

MAX_LABEL_CHARACTERS = 63
MAX_RESOLVED = 10_000
_HASH_CHARACTERS = 9
_UNSAFE_ENDS = re.compile(r"\A[^a-zA-Z0-9]+|[^a-zA-Z0-9]+\Z")
_UNSAFE = re.compile(r"[^a-zA-Z0-9_.-]")
_SHORTENED = re.compile(r"-[0-9a-f]{9}\Z")

Pair = tuple[str, str]
"""A dag id and a task id, or what stands for them in labels."""


def safe_label_value(text: str) -> str:
    """Return the label value that Airflow's Kubernetes provider writes for an id.

    What a label may not hold is removed; a text that changed by it or is too long is cut and
    gets a hash of the original (`pod_generator.make_safe_label_value`, alike in 1.10 to 3.x).
    """
    safe = _UNSAFE.sub("", _UNSAFE_ENDS.sub("", text))
    if safe == text and len(safe) <= MAX_LABEL_CHARACTERS:
        return safe
    digest = hashlib.md5(text.encode(), usedforsecurity=False)
    kept = safe[: MAX_LABEL_CHARACTERS - _HASH_CHARACTERS - 1]
    return f"{kept}-{digest.hexdigest()[:_HASH_CHARACTERS]}"


def may_be_shortened(label: str) -> bool:
    """Tell whether a label value may stand for another text than itself."""
    return _SHORTENED.search(label) is not None


class SafeNames:
    """The way back from label values to ids, by the tasks that the database is known to hold.

    A value that cannot have been shortened is the id. One that may have been is looked up, and
    is unknown where no task or more than one fits: a shortened id would be a false one, that
    joins with nothing and becomes another when the database is back. What was found once stays.
    """

    def __init__(self, known: Callable[[], Collection[Pair]]) -> None:
        """Take who knows the pairs (dag id, task id); the same object means nothing changed."""
        self._known = known
        self._seen: Collection[Pair] = ()
        self._shortened: dict[Pair, Pair | None] = {}
        self._resolved: dict[Pair, Pair] = {}
        self._lock = threading.Lock()

    def resolved(self, dag_label: str, task_label: str) -> Pair | None:
        """Return the dag id and task id that the two label values stand for, None if unknown."""
        labels = (dag_label, task_label)
        if not any(map(may_be_shortened, labels)):
            return labels
        with self._lock:
            found = self._resolved.get(labels) or self._looked_up(labels)
            if found is not None:
                self._keep(labels, found)
        return found

    def _looked_up(self, labels: Pair) -> Pair | None:
        known = self._known()
        if known is not self._seen:
            self._seen, self._shortened = known, _shortened(known)
        return self._shortened.get(labels)

    def _keep(self, labels: Pair, found: Pair) -> None:
        if len(self._resolved) >= MAX_RESOLVED and labels not in self._resolved:
            del self._resolved[next(iter(self._resolved))]
        self._resolved[labels] = found


def _shortened(known: Collection[Pair]) -> dict[Pair, Pair | None]:
    """Return ids by their labels, where one looks shortened; None where several fit."""
    found: dict[Pair, Pair | None] = {}
    for pair in known:
        labels = (safe_label_value(pair[0]), safe_label_value(pair[1]))
        if any(map(may_be_shortened, labels)):
            found[labels] = pair if found.get(labels, pair) == pair else None
    return found
