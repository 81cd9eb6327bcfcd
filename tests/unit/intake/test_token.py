"""Who shows the token that is in the file now is let in, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.errors import ConfigError
from exporter.intake.token import Token

FLAG = "--web.intake-token-file"


def token(path: Path, secrets: list[str] | None = None) -> Token:
    return Token(path, FLAG, (secrets if secrets is not None else []).extend)


def test_the_token_of_the_file_admits_and_others_do_not(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("Zq7mK2w\n")
    secrets: list[str] = []
    ours = token(path, secrets)
    assert ours.admits("Bearer Zq7mK2w")
    assert ours.admits("bearer  Zq7mK2w ")
    for other in (None, "", "Bearer", "Bearer ", "Basic Zq7mK2w", "Zq7mK2w", "Bearer Zq7mK2",
                  "Bearer Zq7mK2ww", "Bearer \xff"):  # fmt: skip
        assert not ours.admits(other)
    assert secrets == ["Zq7mK2w"]


def test_a_new_token_counts_at_once_and_the_old_no_more(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first-token")
    secrets: list[str] = []
    ours = token(path, secrets)
    path.write_text("other-token-2")
    assert not ours.admits("Bearer first-token")
    assert ours.admits("Bearer other-token-2")
    assert secrets == ["first-token", "other-token-2"]


def test_without_a_readable_token_nobody_is_let_in_until_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("Zq7mK2w")
    ours = token(path)
    with capture_logs() as logs:
        path.unlink()
        assert not ours.admits("Bearer Zq7mK2w")
        assert not ours.admits("Bearer Zq7mK2w")
        path.write_text("")
        assert not ours.admits("Bearer ")
    assert [log["event"] for log in logs] == ["intake.token_unreadable"] * 2
    assert "Zq7mK2w" not in repr(logs)
    path.write_text("Zq7mK2w-again")
    assert ours.admits("Bearer Zq7mK2w-again")


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"\xff\xfe", b"x" * 70_000, None])
def test_what_holds_no_token_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{FLAG} "):
        token(path)
