"""Logins: read, judged in another thread, remembered, and never waited for."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import Future

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.door import passwords as module
from exporter.web.door.passwords import Login, Passwords, login_from

CHEAP = {"ann": bcrypt.hashpw(b"right", bcrypt.gensalt(4))}


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    made.close()


def judged(passwords: Passwords, user: str, password: bytes) -> bool:
    verdict = passwords.verdict(Login(user, password), CHEAP)
    assert isinstance(verdict, Future)
    return verdict.result(20)


def header(text: bytes) -> str:
    return f"Basic {b64encode(text).decode()}"


def test_a_header_holds_a_user_and_a_password() -> None:
    assert login_from(header(b"ann:a:b")) == Login("ann", b"a:b")
    assert login_from("bAsIc  " + b64encode(b"ann:").decode() + " ") == Login("ann", b"")


@pytest.mark.parametrize(
    "text",
    [None, "", "Basic", "Basic !", "Basic YQ", header(b"ann"), header(b"\xff:x"), "Bearer x"],
)
def test_what_is_no_login_is_none(text: str | None) -> None:
    assert login_from(text) is None


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_is_a_login_or_none(text: str) -> None:
    login_from(text)
    login_from(f"Basic {text}")


def test_the_right_password_is_right_and_any_other_wrong(passwords: Passwords) -> None:
    assert judged(passwords, "ann", b"right")
    for user, password in (("ann", b"wrong"), ("ann", b""), ("ann", b"right\0"), ("bob", b"right")):
        assert not judged(passwords, user, password)


def test_a_hash_as_htpasswd_writes_it_is_understood(passwords: Passwords) -> None:
    users = {"ann": CHEAP["ann"].replace(b"$2b$", b"$2y$")}
    verdict = passwords.verdict(Login("ann", b"right"), users)
    assert isinstance(verdict, Future)
    assert verdict.result(20)


def test_a_long_password_is_cut_where_bcrypt_cuts_it(passwords: Passwords) -> None:
    users = {"ann": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))}
    verdict = passwords.verdict(Login("ann", b"x" * 1000), users)
    assert isinstance(verdict, Future)
    assert verdict.result(20)


@pytest.mark.parametrize(("user", "password"), [("ann", b"right"), ("ann", b"x"), ("bob", b"x")])
def test_a_verdict_is_remembered_until_the_hash_changes(
    passwords: Passwords, user: str, password: bytes
) -> None:
    right = judged(passwords, user, password)
    assert passwords.verdict(Login(user, password), CHEAP) is right
    changed = {"ann": bcrypt.hashpw(b"other", bcrypt.gensalt(5))}
    later = passwords.verdict(Login(user, password), changed)
    assert isinstance(later, Future)
    assert later.result(20) is False


class Hasher:
    """Stands where bcrypt does, and takes as long as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashes: list[bytes] = []
        self.go_on = threading.Event()
        monkeypatch.setattr(module.bcrypt, "checkpw", self)

    def __call__(self, password: bytes, expected: bytes) -> bool:
        self.go_on.wait(20)
        self.hashes.append(expected)
        return password == b"right"


def test_those_who_come_together_are_judged_once(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = Hasher(monkeypatch)
    verdicts = [passwords.verdict(Login("ann", b"right"), CHEAP) for _ in range(16)]
    hasher.go_on.set()
    assert {each.result(20) for each in verdicts} == {True}
    assert len(hasher.hashes) == 1


def test_who_finds_too_many_waiting_is_sent_away_at_once(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = Hasher(monkeypatch)
    before = set(threading.enumerate())
    verdicts = [passwords.verdict(Login("ann", b"%d" % i), CHEAP) for i in range(100)]
    assert sum(each is not None for each in verdicts) == module.MOST_WAITING
    assert set(threading.enumerate()) - before == {passwords._thread}
    hasher.go_on.set()
    for each in verdicts[: module.MOST_WAITING]:
        assert each.result(20) is False
    assert judged(passwords, "ann", b"right")


def test_a_user_that_does_not_exist_costs_as_much_and_is_never_right(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = Hasher(monkeypatch)
    hasher.go_on.set()
    users = {**CHEAP, "eve": bcrypt.hashpw(b"x", bcrypt.gensalt(6))}
    verdict = passwords.verdict(Login("bob", b"right"), users)
    assert isinstance(verdict, Future)
    assert verdict.result(20) is False
    (hashed,) = hasher.hashes
    assert hashed.startswith(b"$2b$06$")
    assert len(hashed) == len(users["eve"])


def test_the_stand_in_is_a_hash_that_bcrypt_computes() -> None:
    assert not bcrypt.checkpw(b"x", module._stand_in(CHEAP))


def test_wrong_passwords_displace_no_right_one(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    Hasher(monkeypatch).go_on.set()
    assert judged(passwords, "ann", b"right")
    for i in range(2 * module.MOST_VERDICTS):
        assert not judged(passwords, "ann", b"wrong %d" % i)
    assert passwords.verdict(Login("ann", b"right"), CHEAP) is True
    assert all(len(each) <= module.MOST_VERDICTS for each in passwords._verdicts.values())


def test_nothing_that_is_remembered_tells_the_password(passwords: Passwords) -> None:
    judged(passwords, "ann", b"right")
    assert b"right" not in repr(passwords._verdicts).encode()
