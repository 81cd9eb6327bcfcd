"""Tests of counting and listing directories."""

from __future__ import annotations

import os

from exporter.kernel.directories import child_names, link_count
from tests.unit.kernel.kernel import real_cgroup


def test_links_of_a_real_cgroup_count_the_cgroups_below_it():
    with real_cgroup() as (_, directories):
        for directory in directories:
            before = link_count(str(directory))
            (directory / "below").mkdir()
            assert link_count(str(directory)) == before + 1
            (directory / "below").rmdir()
            assert link_count(str(directory)) == before


def test_a_real_cgroup_without_children_is_not_listed_for_them(monkeypatch):
    with real_cgroup() as (_, (directory, *_)):
        listed = []
        scandir = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
        assert child_names(str(directory), 10) == []
        assert listed == []
        (directory / "below").mkdir()
        assert child_names(str(directory), 10) == ["below"]
        (directory / "below").rmdir()


def test_what_is_no_directory_has_no_links(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link", "nothing"):
        assert link_count(str(tmp_path / name)) is None
