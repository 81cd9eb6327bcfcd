"""A ledger is kept on a disk of this host: what the kernel says of mounts decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.check.finding import Finding
from exporter.check.state import state_finding


def found(state: Path, mount_point: Path, kind: str) -> Finding:
    """Return what is found of a state path where this file system is mounted."""
    mounts = mount_point.parent / "mounts"
    escaped = str(mount_point).replace("\\", "\\134").replace(" ", "\\040")
    mounts.write_text(
        f"/dev/root / ext4 rw 0 0\nserver {escaped} {kind} rw 0 0\n"
        "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    )
    return state_finding(state, mounts)


SHARED = ["nfs4", "ceph", "lustre", "gpfs", "beegfs", "fuse.glusterfs", "fuse.s3fs", "fuse"]


@pytest.mark.parametrize("kind", SHARED)
def test_a_file_system_of_several_hosts_is_refused(tmp_path: Path, kind: str) -> None:
    finding = found(tmp_path / "net" / "a" / "b", tmp_path / "net", kind)
    assert finding.is_bad
    assert f"is on {kind}, where SQLite's WAL is not safe" in finding.text


@pytest.mark.parametrize("kind", ["ext4", "xfs", "overlay", "tmpfs", "fuseblk", "fuse.mergerfs"])
def test_a_file_system_of_this_host_is_good(tmp_path: Path, kind: str) -> None:
    assert not found(tmp_path / "disk" / "a", tmp_path / "disk", kind).is_bad


@pytest.mark.parametrize("name", ["with space", "back\\slash", "\\040"])
def test_a_mount_point_may_have_any_name(tmp_path: Path, name: str) -> None:
    assert found(tmp_path / name / "a", tmp_path / name, "nfs4").is_bad


def test_links_are_followed_also_to_what_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "net" / "new")
    for path in (tmp_path / "link", tmp_path / "link" / "state"):
        assert "is on nfs4" in found(path, tmp_path / "net", "nfs4").text


def test_a_link_out_of_a_shared_file_system_is_good(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "net" / "link").symlink_to(tmp_path / "disk")
    assert not found(tmp_path / "net" / "link", tmp_path / "net", "nfs4").is_bad
