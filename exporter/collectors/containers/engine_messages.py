"""What a Docker engine says about containers, taken with distrust: pure functions on bytes.

Format: Engine API, `GET /containers/json` and `GET /events`. Newer versions lack the events'
`status`, `id` and `from`, so `Action` and `Actor` are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeGuard

MAX_CONTAINERS = 10_000
MAX_LABELS = 64
MAX_LABEL_CHARACTERS = 256
MAX_NAME_CHARACTERS = 256
MAX_EVENT_BYTES = 1 << 20
"""Labels have no limit of their own; Kubernetes puts annotations of 256 KiB in them."""

ACTIONS = ("start", "die", "destroy", "rename")
_LIVING = ("running", "paused", None)
"""A restarting container has no cgroup; its next start is an event. Podman's may be missing."""
_ID = re.compile(r"[0-9a-f]{64}")
_UNTELLABLE = ("image", "name")
"""Labels that an event cannot carry: its own attributes of these names overwrite them."""
_UNREADABLE = "not what a Docker engine says"
_GO_MAX = 2**63
_NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EngineContainer:
    """A running container; `started_at` (Unix seconds) is known when we saw it start."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One of `ACTIONS` upon a container, which is as it was just after it."""

    action: str
    container: EngineContainer
    seconds: float | None
    """Unix seconds by the engine's clock."""


def event_from(line: bytes) -> Event | None:
    """Return the event in a line of the stream, None for one of no interest; raise ValueError."""
    said = _mapping(_decoded(line))
    if said.get("Type") != "container" or said.get("Action") not in ACTIONS:
        return None
    actor = _mapping(said.get("Actor"))
    identifier, attributes = actor.get("ID"), _mapping(actor.get("Attributes"))
    if not _is_id(identifier):
        raise ValueError(_UNREADABLE)
    seconds = _seconds(said.get("timeNano"))
    container = EngineContainer(
        identifier,
        _text(attributes.get("name")),
        _text(attributes.get("image")),
        _labels(attributes),
        seconds if said["Action"] == "start" else None,
    )
    return Event(said["Action"], container, seconds)


def listed_from(body: bytes) -> dict[str, EngineContainer]:
    """Return the running containers of a list by their ids; raise ValueError.

    At most `MAX_CONTAINERS`: the newest, which engines put first.
    """
    found: dict[str, EngineContainer] = {}
    for said in _elements(body.decode(errors="replace")):
        container = _listed(_mapping(said))
        if container is not None:
            found[container.id] = container
        if len(found) == MAX_CONTAINERS:
            break
    return found


class Lines:
    """Cuts a stream into lines; of one that is longer than `MAX_EVENT_BYTES` nothing is left."""

    def __init__(self) -> None:
        """Begin with an empty stream."""
        self._rest = bytearray()
        self._too_long = False

    def add(self, data: bytes) -> list[bytes]:
        """Return the lines that this piece of the stream completes."""
        *ended, rest = data.split(b"\n")
        lines = []
        for part in ended:
            self._append(part)
            lines.append(bytes(self._rest))
            self._rest.clear()
            self._too_long = False
        self._append(rest)
        return lines

    def _append(self, part: bytes) -> None:
        self._too_long = self._too_long or len(self._rest) + len(part) > MAX_EVENT_BYTES
        if self._too_long:
            self._rest.clear()
        else:
            self._rest += part


def _elements(text: str) -> Iterator[Any]:
    """Yield a JSON array's elements one by one: all at once take ten times their text."""
    decoder = json.JSONDecoder()
    if not text.startswith("["):
        raise ValueError(_UNREADABLE)
    position, end = 0, "["
    while text[position : position + 1] == end:
        position = _past_blanks(text, position + 1)
        if end == "[" and text[position : position + 1] == "]":
            return
        try:
            element, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise ValueError(_UNREADABLE) from None
        yield element
        position, end = _past_blanks(text, position), ","
    if text[position : position + 1] != "]":
        raise ValueError(_UNREADABLE)


def _past_blanks(text: str, position: int) -> int:
    while text[position : position + 1] in (" ", "\t", "\r", "\n"):
        position += 1
    return position


def _listed(said: Mapping[str, Any]) -> EngineContainer | None:
    identifier = said.get("Id")
    if not _is_id(identifier) or said.get("State") not in _LIVING:
        return None
    image, labels = _text(said.get("Image")), _labels(_mapping(said.get("Labels")))
    return EngineContainer(identifier, _own_name(said.get("Names")), image, labels)


def _own_name(names: object) -> str:
    """Return the name among a container's: /other/alias is what a link calls it."""
    texts = [_text(name) for name in names] if isinstance(names, list) else []
    own = [text for text in texts if text.count("/") <= 1]
    return own[0].lstrip("/") if own else ""


def _labels(said: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels; one that is too long is left out, because a part of it is another."""
    labels: dict[str, str] = {}
    for name, value in said.items():
        if len(labels) == MAX_LABELS:
            break
        fits = isinstance(value, str) and max(len(name), len(value)) <= MAX_LABEL_CHARACTERS
        if fits and name not in _UNTELLABLE:
            labels[_utf8(name)] = _utf8(value)
    return MappingProxyType(labels) if labels else _NO_LABELS


def _decoded(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):  # without its own text, which may hold the line
        raise ValueError(_UNREADABLE) from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NO_LABELS


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _text(value: object) -> str:
    return _utf8(value[:MAX_NAME_CHARACTERS]) if isinstance(value, str) else ""


def _utf8(text: str) -> str:
    """Return the text without halves of surrogate pairs, which JSON can hold and UTF-8 can't."""
    return text.encode(errors="replace").decode()


def _seconds(nanoseconds: object) -> float | None:
    """Return Unix seconds; None unless the nanoseconds are what a Go time can be."""
    if not isinstance(nanoseconds, int) or isinstance(nanoseconds, bool):
        return None
    return nanoseconds / 1e9 if 0 < nanoseconds < _GO_MAX else None
