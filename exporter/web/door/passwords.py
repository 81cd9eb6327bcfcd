"""Verdicts on users' passwords: hashed in a thread of their own, and remembered."""

from __future__ import annotations

import hashlib
import secrets
import threading
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

import bcrypt

MOST_VERDICTS: Final = 256
"""Of each kind: however many wrong passwords come, no right one is forgotten for them."""
MOST_WAITING: Final = 16
"""A hash takes a tenth of a second; who comes later had better ask again."""
_LONGEST: Final = 72
"""Bytes of a password that bcrypt looks at."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who somebody says they are, and the password that they show."""

    user: str
    password: bytes


def login_from(authorization: str | None) -> Login | None:
    """Read an Authorization header (RFC 7617); None when it holds no user and password."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(token.strip(), validate=True).partition(b":")
        return Login(user.decode(), password) if colon else None
    except (Base64Error, ValueError):
        return None


class Passwords:
    """Judges one login at a time; asking it never waits."""

    def __init__(self) -> None:
        """Know no verdict; the thread starts with the first login."""
        # What is remembered must not tell the password to who reads the memory.
        self._salt = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._verdicts: dict[bool, dict[bytes, None]] = {True: {}, False: {}}
        self._awaited: dict[bytes, Future[bool]] = {}
        self._jobs: SimpleQueue[tuple[bytes, Login, bytes, bool] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def verdict(self, login: Login, users: Mapping[str, bytes]) -> bool | Future[bool] | None:
        """Tell whether a login is right, now or later; None when too many wait to be told.

        A user that does not exist costs what the dearest of the others does.
        """
        known = login.user in users
        expected = users[login.user] if known else _stand_in(users)
        key = self._key(login, expected)
        with self._lock:
            for right, remembered in self._verdicts.items():
                if key in remembered:
                    del remembered[key]
                    remembered[key] = None
                    return right
            if key in self._awaited:
                return self._awaited[key]
            if len(self._awaited) >= MOST_WAITING:
                return None
            later = self._awaited[key] = Future()
            self._jobs.put((key, login, expected, known))
            self._start()
        return later

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._jobs.put(None)

    def _key(self, login: Login, expected: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._salt)
        for part in (expected, login.user.encode(), login.password):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def _start(self) -> None:
        if self._thread is None:
            # A daemon: the end of the process does not wait for a hash.
            self._thread = threading.Thread(target=self._run, name="passwords", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            key, login, expected, known = job
            right = _matches(login.password, expected) and known
            with self._lock:
                remembered = self._verdicts[right]
                remembered[key] = None
                if len(remembered) > MOST_VERDICTS:
                    del remembered[next(iter(remembered))]
                later = self._awaited.pop(key)
            later.set_result(right)


def _matches(password: bytes, expected: bytes) -> bool:
    try:
        # Longer ones are cut as htpasswd cuts them; the library would refuse them.
        return bcrypt.checkpw(password[:_LONGEST], expected)
    except ValueError:
        return False


def _stand_in(users: Mapping[str, bytes]) -> bytes:
    """Return a hash that costs as much as the dearest, for who is not known."""
    cost = max(each.split(b"$")[2] for each in users.values())
    return b"$2b$%s$%s" % (cost, b"." * 53)
