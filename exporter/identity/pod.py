"""Nouns: a pod and a container, as far as they tell whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MAX_ID_CHARACTERS = 250
"""Airflow's own limit of dag, task and run ids (`ID_LEN`): longer text is none of them."""


@dataclass(frozen=True, slots=True)
class PodInfo:
    """One pod; what could not be learned is None, longer values than an id's are left out."""

    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerInfo:
    """One container of a pod."""

    pod_uid: str
    name: str
    image: str | None = None


def id_text(value: object) -> str | None:
    """Return a text that may be an id, else None: others choose what labels hold.

    Control characters and lone surrogates cannot stand in an exposition.
    """
    if isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS and value.isprintable():
        return value
    return None


def id_texts(pairs: Iterable[tuple[object, object]]) -> Mapping[str, str]:
    """Return the pairs that may matter, unchangeable: annotations hold whole manifests too."""
    usable = ((id_text(key), id_text(value)) for key, value in pairs)
    return MappingProxyType({key: value for key, value in usable if key and value})
