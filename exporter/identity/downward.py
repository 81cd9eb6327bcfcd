"""Our own pod, as Kubernetes' downward API tells it in a volume and in the environment."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.errors import SourceUnavailableError
from exporter.identity.pod import PodInfo, id_text, id_texts

MAX_BYTES = 1024 * 1024
"""Kubernetes allows 256 KiB of annotations; quoting makes them up to four times as long."""

_LINE = re.compile(rb'([^\s="]+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\(?:([abfnrtv\\\"'])|x([0-9a-f]{2})|u([0-9a-f]{4})|U(00[0-9a-f]{6})|(.))")
_CONTROLS = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


def quoted_map(content: bytes) -> Iterator[tuple[str, str]]:
    r"""Yield the pairs of a downward file: lines of `key="value"`, quoted by Go's `strconv.Quote`.

    Source: `FormatMap` in Kubernetes' pkg/fieldpath. Lines that are something else are skipped.
    """
    for line in content.splitlines():
        if found := _LINE.fullmatch(line):
            try:
                value = _ESCAPE.sub(_unescaped, found[2])
            except ValueError:
                continue
            yield found[1].decode("utf-8", "replace"), value.decode("utf-8", "replace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    """Return what an escape stands for; raise ValueError for one that Go does not know."""
    letter, byte, short, long, _unknown = found.groups()
    if letter:
        return bytes((_CONTROLS.get(letter[0], letter[0]),))
    if byte:
        return bytes.fromhex(byte.decode())
    # A lone surrogate is no character: UnicodeEncodeError, a ValueError, as is chr() out of range.
    return chr(int(short or long or b"-", 16)).encode()


class DownwardVolume:
    """A downward API volume with the files `annotations` and `labels`, or one of them.

    The pod's name, namespace and uid come from POD_NAME, POD_NAMESPACE and POD_UID, else from
    the volume's files `name`, `namespace` and `uid`.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        """Take the volume's mount point; nothing is read before `pod`."""
        self._directory = directory
        self._environ = environ
        self._seen: tuple[object, ...] | None = None
        self._pod = PodInfo()

    def pod(self) -> PodInfo:
        """Return the pod, read again if a file changed; raise SourceUnavailableError."""
        names = ("annotations", "labels", "name", "namespace", "uid")
        seen = tuple(_signature(self._directory / name) for name in names)
        if seen != self._seen:
            self._pod, self._seen = self._read(), seen
        return self._pod

    def _read(self) -> PodInfo:
        annotations, labels = self._content("annotations"), self._content("labels")
        if annotations is None and labels is None:
            message = f"{self._directory}: no downward API files annotations or labels to read"
            raise SourceUnavailableError(message)
        return PodInfo(
            self._word("namespace"),
            self._word("name"),
            self._word("uid"),
            id_texts(quoted_map(annotations or b"")),
            id_texts(quoted_map(labels or b"")),
        )

    def _word(self, name: str) -> str | None:
        told = self._environ.get(f"POD_{name.upper()}")
        return id_text(told or (self._content(name) or b"").decode("utf-8", "replace").strip())

    def _content(self, name: str) -> bytes | None:
        path = self._directory / name
        try:
            # A pipe without a writer would keep us waiting for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as stream:  # noqa: PTH123 - Path opens no descriptor
                regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
                content = stream.read(MAX_BYTES + 1) if regular else b""
        except OSError:
            return None
        if len(content) > MAX_BYTES:
            message = f"{path}: larger than {MAX_BYTES} bytes"
            raise SourceUnavailableError(message)
        return content if regular else None


def _signature(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file: the kubelet swaps a symbolic link to a new directory."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
