"""The door: what is in force, and what a change of its files does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.errors import ConfigError
from exporter.web.door.door import LOOK_SECONDS, Door
from tests.support.certificates import Authority, Issued
from tests.support.clock import HandClock
from tests.unit.web.door.test_config import HASH

FLAG = "--web.config.file"


class World:
    """A file with its certificate, the door, and time that runs when it is told to."""

    def __init__(self, folder: Path, issued: Issued) -> None:
        self.folder = folder
        self.file = folder / "web.yml"
        self.install(issued)
        self.write("tls_server_config: {cert_file: tls.crt, key_file: tls.key}")
        self.hand = HandClock()
        self.door = Door(self.file, FLAG, self.hand.clock)

    def install(self, issued: Issued) -> None:
        shutil.copy(issued.cert, self.folder / "new")
        (self.folder / "new").replace(self.folder / "tls.crt")
        shutil.copy(issued.key, self.folder / "new")
        (self.folder / "new").replace(self.folder / "tls.key")

    def write(self, text: str) -> None:
        new = self.folder / "new.yml"
        new.write_text(text)
        new.replace(self.file)

    def look(self) -> list[str]:
        """Let a second pass and ask what is in force; return what was logged."""
        self.hand.pass_seconds(LOOK_SECONDS)
        with capture_logs() as logs:
            self.door.policy()
        return [log["event"] for log in logs]


@pytest.fixture
def world(tmp_path: Path, issued: Issued) -> World:
    return World(tmp_path, issued)


def test_nothing_is_read_again_while_nothing_changes(world: World) -> None:
    before = world.door.policy()
    assert world.look() == []
    assert world.door.policy() is before


def test_files_are_looked_at_once_a_second_at_most(world: World) -> None:
    world.look()
    world.write(f"basic_auth_users: {{ann: '{HASH}'}}")
    assert not world.door.policy().config.users
    assert world.look() == ["web.config_reloaded"]
    assert world.door.policy().config.users
    assert world.door.context() is None


def test_a_new_certificate_makes_a_new_context(world: World, authority: Authority) -> None:
    before = world.door.context()
    world.install(authority.issue("next"))
    assert world.look() == ["web.config_reloaded"]
    assert world.door.context() is not before
    assert world.look() == []


def test_a_bad_file_keeps_the_old_one_and_says_so_once(world: World) -> None:
    before, loaded = world.door.policy(), world.door.loaded_wall
    world.write("tls_server_config: {cert_file: tls.crt, key_file: missing.key}")
    assert world.look() == ["web.config_invalid"]
    assert world.look() == []
    assert world.door.policy() is before
    assert not world.door.is_good
    assert world.door.loaded_wall == loaded
    # It heals by a file that nobody had seen.
    shutil.copy(world.folder / "tls.key", world.folder / "missing.key")
    assert world.look() == ["web.config_reloaded"]
    assert world.door.is_good


def test_half_a_rotation_changes_nothing_until_the_other_half_comes(
    world: World, authority: Authority
) -> None:
    before, later = world.door.context(), authority.issue("later")
    shutil.copy(later.cert, world.folder / "tls.crt")
    assert world.look() == ["web.config_invalid"]
    assert world.door.context() is before
    shutil.copy(later.key, world.folder / "tls.key")
    assert world.look() == ["web.config_reloaded"]
    assert world.door.context() is not before


def test_a_file_that_is_gone_keeps_what_it_said(world: World) -> None:
    before = world.door.policy()
    world.file.unlink()
    assert world.look() == ["web.config_invalid"]
    assert world.door.policy() is before


def test_a_bad_file_at_the_start_or_by_hand_is_an_error(world: World) -> None:
    world.write("nonsense: 1")
    with pytest.raises(ConfigError, match=r"web\.yml: nonsense: no such key"):
        Door(world.file, FLAG, world.hand.clock)
    before = world.door.policy()
    with pytest.raises(ConfigError, match=r"web\.yml: nonsense: no such key"):
        world.door.reread()
    assert world.door.policy() is before
    assert not world.door.is_good
