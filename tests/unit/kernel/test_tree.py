"""Tests of finding containers by their directories."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exporter.kernel import tree as module
from exporter.kernel.hierarchies import Hierarchies, Hierarchy
from exporter.kernel.tree import Tree
from tests.unit.kernel.layouts import PLACES, UID, cid, hierarchies

ID, OTHER = cid("docker-a"), cid("docker-b")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docker" / ID).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def tree(root: Path) -> Tree:
    return Tree(Hierarchies({"memory": Hierarchy(1, str(root))}))


def ids(places) -> set[str]:
    return {place.container_id for place in places}


@pytest.mark.parametrize("layout", sorted(PLACES))
def test_every_layout_is_walked_and_then_scanned_from_its_parents(layout):
    tree = Tree(hierarchies(layout))
    assert tree.scan() == frozenset()
    assert tree.walk() == frozenset(PLACES[layout])
    assert tree.parents == {place.parent for place in PLACES[layout]}
    assert tree.scan() == PLACES[layout]


@pytest.mark.parametrize("layout", sorted(set(PLACES) - {"containerd-not-split"}))
def test_every_layout_is_found_by_id_below_a_hinted_parent(layout):
    for place in PLACES[layout]:
        tree = Tree(hierarchies(layout))
        assert tree.find(place.container_id) is None
        assert tree.find(place.container_id, ["/nowhere", place.parent]) == place
        assert tree.find(place.container_id) == place


def test_a_scan_sees_who_came_and_who_went_below_a_known_parent(tree, root):
    tree.walk()
    (root / "docker" / OTHER).mkdir()
    assert ids(tree.scan()) == {ID, OTHER}
    (root / "docker" / ID).rmdir()
    assert ids(tree.scan()) == {OTHER}


@pytest.mark.parametrize(
    ("known", "new"),
    [
        ("kubepods/burstable", f"kubepods/burstable/pod{UID}"),
        ("kubepods", f"kubepods/pod{UID}"),
        ("a/b-kubepods.slice", "a/b-kubepods.slice/b-kubepods-besteffort.slice/"
         f"b-kubepods-besteffort-pod{UID.replace('-', '_')}.slice"),
    ],
)  # fmt: skip
def test_a_scan_sees_containers_of_new_pods(tree, root, known, new):
    (root / known).mkdir(parents=True)
    tree.walk()
    (root / new / OTHER).mkdir(parents=True)
    assert ids(tree.scan()) == {ID, OTHER}
    shutil.rmtree(root / new)
    assert ids(tree.scan()) == {ID}


def test_a_scan_is_the_same_object_until_somebody_comes_or_goes(tree, root):
    tree.walk()
    first = tree.scan()
    (root / "docker" / "notes").mkdir()
    assert tree.scan() == first
    second = tree.scan()
    assert tree.scan() is second
    (root / "docker" / ID).rmdir()
    assert ids(tree.scan()) == set()


def test_who_came_in_the_place_of_another_is_seen_by_who_looks_again(tree, root):
    tree.walk()
    tree.scan()
    (root / "docker" / ID).rename(root / "docker" / OTHER)
    assert ids(tree.scan(again=True)) == {OTHER}
    assert ids(tree.scan()) == {OTHER}


def test_who_came_in_the_place_of_another_and_was_found_by_id_is_seen(tree, root):
    tree.walk()
    tree.scan()
    (root / "docker" / ID).rename(root / "docker" / OTHER)
    assert tree.find(OTHER, ["/docker"]) is not None
    assert ids(tree.scan()) == {OTHER}


def test_a_parent_with_as_many_directories_as_before_is_not_looked_through(tree, monkeypatch):
    monkeypatch.setattr(module, "link_count", lambda _: 3)
    tree.walk()
    tree.scan()
    looked = []
    monkeypatch.setattr(module, "child_names", lambda *given: looked.append(given))
    assert ids(tree.scan()) == {ID}
    assert looked == []


def test_where_directories_are_not_counted_by_links_each_scan_looks(tree, root, monkeypatch):
    tree.walk()
    tree.scan()
    monkeypatch.setattr(module, "link_count", lambda _: None)
    (root / "docker" / ID).rename(root / "docker" / OTHER)
    assert ids(tree.scan()) == {OTHER}


def test_a_parent_that_is_gone_is_forgotten(tree, root):
    tree.walk()
    shutil.rmtree(root / "docker")
    assert tree.scan() == frozenset()
    assert tree.parents == frozenset()


def test_a_pod_that_may_not_be_listed_stops_no_scan(tree, root, monkeypatch):
    pod = root / "kubepods" / f"pod{UID}"
    (pod / OTHER).mkdir(parents=True)
    tree.walk()
    listed = module.child_names
    monkeypatch.setattr(
        module, "child_names", lambda path, most: None if path == str(pod) else listed(path, most)
    )
    for _ in range(3):
        assert ids(tree.scan()) == {ID}
    monkeypatch.undo()
    assert ids(tree.scan()) == {ID, OTHER}


def test_links_and_files_are_no_containers(tree, root):
    (root / "docker" / OTHER).symlink_to(ID)
    (root / "loop").symlink_to(".")
    (root / "docker" / cid("file")).touch()
    assert ids(tree.walk()) == {ID}
    assert ids(tree.scan()) == {ID}
    assert tree.find(OTHER, ["/docker"]) is None


@pytest.mark.parametrize("hint", ["/..", "..", "", "/a\0b", "/" + "n" * 5000, "/docker/" + ID])
def test_a_bad_hint_finds_nothing(tree, hint):
    assert tree.find(OTHER, [hint]) is None
    assert tree.find("../" + ID, ["/docker"]) is None


def test_a_walk_is_bounded_by_count(tree, root, monkeypatch):
    monkeypatch.setattr(module, "MOST_DIRECTORIES", 2)
    assert ids(tree.walk()) == {ID}
    assert not tree.is_cut
    (root / "a").mkdir()
    (root / "b").mkdir()
    assert tree.walk() == frozenset()
    assert tree.is_cut


def test_a_walk_is_bounded_by_depth(tree, root):
    deep = root.joinpath(*["d"] * (module.MOST_DEPTH - 1))
    (deep / OTHER).mkdir(parents=True)
    assert ids(tree.walk()) == {ID, OTHER}
    shutil.rmtree(root / "d")
    (deep / "d" / OTHER).mkdir(parents=True)
    assert ids(tree.walk()) == {ID}


def test_names_that_are_no_text_do_not_stop_a_walk(tree, root):
    Path(str(root / "docker") + "/\udcff\udcfe").mkdir()
    assert ids(tree.walk()) == {ID}


def test_without_a_hierarchy_nothing_is_found():
    tree = Tree(Hierarchies({}))
    assert tree.walk() == frozenset()
    assert tree.find(ID, ["/docker"]) is None
