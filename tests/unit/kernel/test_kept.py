"""Tests of kept files: one descriptor each, bounded, and no answer from another's life."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from exporter.kernel.kept import MOST_DESCRIPTORS, Descriptors, KeptFile, descriptor_cap, whole
from tests.unit.kernel.kernel import real_cgroup, remove


@pytest.fixture
def descriptors() -> Descriptors:
    return Descriptors(2)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "memory.current"
    path.write_text("1\n")
    return path


def open_files() -> set[str]:
    # The descriptor of the listing itself is gone by then: its link leads nowhere.
    return {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}


def test_a_file_is_read_from_its_beginning_each_time(source, descriptors):
    file = KeptFile(str(source), descriptors)
    assert file.read() == b"1\n"
    source.write_text("22\n")
    assert file.read() == b"22\n"
    assert len(descriptors) == 1
    file.close()


def test_a_file_is_not_opened_before_it_is_read(source, descriptors):
    KeptFile(str(source), descriptors)
    assert len(descriptors) == 0
    assert str(source) not in open_files()


def test_a_kept_file_tells_what_it_is_read_by(source, descriptors):
    file, missing = (KeptFile(path, descriptors) for path in (str(source), f"{source}.missing"))
    assert (file.descriptor, missing.descriptor) == (None, None)
    file.read()
    missing.read()
    assert os.pread(file.descriptor, 10, 0) == b"1\n"
    assert missing.descriptor == -1
    missing.retry()
    assert missing.descriptor is None
    file.close()
    assert file.descriptor == -1


def test_a_kept_file_does_not_follow_a_new_one_on_the_same_path(source, descriptors):
    file = KeptFile(str(source), descriptors)
    file.read()
    source.unlink()
    source.write_text("other\n")
    assert file.read() == b"1\n"
    file.close()


def test_closing_twice_gives_one_descriptor_back(source, descriptors):
    file = KeptFile(str(source), descriptors)
    file.read()
    file.close()
    file.close()
    assert len(descriptors) == 0
    assert file.read() is None
    assert str(source) not in open_files()


def test_above_the_cap_files_are_read_without_being_kept(tmp_path, descriptors):
    paths = [tmp_path / str(number) for number in range(4)]
    for path in paths:
        path.write_text(path.name)
    files = [KeptFile(str(path), descriptors) for path in paths]
    for _ in range(2):
        assert [file.read() for file in files] == [b"0", b"1", b"2", b"3"]
    assert len(descriptors) == 2
    assert len(open_files() & {str(path) for path in paths}) == 2
    files[0].close()
    files[3].read()
    assert len(descriptors) == 2
    for file in files:
        file.close()
    assert len(descriptors) == 0


def test_without_descriptors_nothing_is_kept(source):
    file = KeptFile(str(source), None)
    assert file.read() == b"1\n"
    assert str(source) not in open_files()


def test_a_long_file_is_cut(source, descriptors):
    source.write_text("123456789")
    file = KeptFile(str(source), descriptors, size_limit=4)
    assert file.read() == b"1234"
    file.close()


def test_a_missing_file_is_looked_for_again_only_when_told(source, descriptors):
    source.unlink()
    file = KeptFile(str(source), descriptors)
    assert file.read() is None
    source.write_text("1\n")
    assert file.read() is None
    file.retry()
    assert file.read() == b"1\n"
    file.close()


def hostile(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("secret")
    (tmp_path / "loop").symlink_to("loop")
    names = ("directory", "pipe", "link", "loop", "missing", "secret/below", "n" * 300)
    return {name: tmp_path / name for name in names} | {"device": Path("/dev/zero")}


def test_what_is_no_plain_file_is_none_and_leaves_nothing_open(tmp_path, descriptors):
    for name, path in hostile(tmp_path).items():
        file = KeptFile(str(path), descriptors)
        assert file.read() is None, name
        assert KeptFile(str(path), None).read() is None, name
        assert whole(str(path), 100) is None, name
        assert len(descriptors) == 0, name
        assert str(path) not in open_files()


def test_our_own_shortage_is_raised_and_not_taken_for_a_missing_file(source, descriptors):
    file = KeptFile(str(source), descriptors)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            file.read()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(descriptors) == 0


def test_the_cap_leaves_half_of_the_hard_limit_to_others():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        assert descriptor_cap() == min(hard // 2, MOST_DESCRIPTORS)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_whole_file_is_read_up_to_the_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    assert whole(str(path), 200_000) == b"x" * 100_000
    assert whole(str(path), 70_000) == b"x" * 70_000


def test_a_file_that_the_kernel_hands_out_by_the_page_is_read_on():
    assert len(whole("/proc/self/smaps", 20_000)) == 20_000


def test_a_removed_cgroup_is_gone_for_good_though_its_path_is_used_again(descriptors):
    with real_cgroup() as (_, directories):
        directory = directories[0]
        file = KeptFile(str(directory / "cgroup.procs"), descriptors)
        assert file.read() == b""
        remove([directory])
        assert file.read() is None
        assert len(descriptors) == 0
        directory.mkdir()
        file.retry()
        assert file.read() is None
