"""Tests of the names that runtimes give to cgroups."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings

from exporter.kernel.layout import identified, possible_paths
from tests.unit.kernel.hostile import SEEDS, contents
from tests.unit.kernel.layouts import PLACES, UID, cid

ID = cid("docker-a")
OUTER = cid("kind-outer")
EVERY = sorted((place for places in PLACES.values() for place in places), key=str)


@pytest.mark.parametrize("place", EVERY, ids=lambda place: place.path)
def test_every_layout_is_identified_from_its_path_and_from_below_it(place):
    assert identified(place.path) == place
    assert identified(f"{place.path}/container") == place
    assert identified(f"{place.path}/init.scope/x.service") == place


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/system.slice/cron.service",
        "/user.slice/user-1000.slice",
        f"/system.slice/var-lib-docker-containers-{ID}-mounts-shm.mount",
        f"/system.slice/{ID}.mount",
        f"/docker/{OUTER}/system.slice/run-{ID}-shm.mount",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        f"/kubepods.slice/kubepods-pod{UID}.slice/crio-conmon-{ID}.scope",
        f"/docker/{OUTER}/kubepods/crio-conmon-{ID}.scope",
        f"/machine.slice/machine-libpod_pod_{ID}.slice",
        f"/libpod_parent/{ID}",
        f"/docker/{ID[:63]}",
        f"/docker/{ID}0",
        f"/docker/{ID.upper()}",
        f"/docker/{ID[:12]}",
        f"/docker/{ID}/../elsewhere",
        f"/kubepods/pod{UID}",
    ],
)
def test_what_is_no_container_is_not_identified(path):
    assert identified(path) is None


def test_the_innermost_container_counts():
    assert identified(f"/docker/{OUTER}/docker/{ID}").container_id == ID


def test_a_sibling_outside_our_namespace_is_known_but_has_no_path():
    place = identified(f"/../docker-{ID}.scope")
    assert (place.container_id, place.runtime) == (ID, "docker")
    assert (place.path, place.parent) == (None, None)


def test_the_uid_of_a_nested_pod_is_the_inner_one():
    outer = "7d6a1c0e-52b4-4e61-9a0b-c4f2e8d91b33"
    path = f"/kubepods/pod{outer}/{OUTER}/kubepods/besteffort/pod{UID}/{ID}"
    assert identified(path).pod_uid == UID


def test_a_container_below_the_root_has_the_root_as_parent():
    assert identified(f"/{ID}").parent == "/"


def test_an_unknown_prefix_is_a_container_of_an_unknown_runtime():
    place = identified(f"/system.slice/newthing-{ID}.scope")
    assert (place.container_id, place.runtime) == (ID, None)


@pytest.mark.parametrize("place", EVERY, ids=lambda place: place.path)
def test_the_possible_paths_hold_the_real_one(place):
    # What systemd's form of a name left unsplit is found by the walk alone.
    if ":" not in place.path:
        assert place.path in possible_paths(place.container_id, place.parent)


@pytest.mark.parametrize("name", ["..", "", ID[:12], f"{ID}/../x", ID.upper(), f"{ID}\n"])
def test_what_is_no_id_has_no_paths(name):
    assert possible_paths(name, "/docker") == []


@settings(max_examples=1000)
@given(SEEDS)
def test_no_path_raises_and_what_is_identified_can_be_read_from_its_path(seed):
    for data in contents(seed):
        path = os.fsdecode(data)
        place = identified(path)
        if place is not None and place.path is not None:
            assert identified(place.path) == place
            assert ".." not in place.path.split("/")
