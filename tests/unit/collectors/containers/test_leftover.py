"""What ended containers used and no reading caught, against what they really used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.containers.leftover import Leftover, holder, holder_class

UID = "0a1b2c3d-0000-4000-8000-0123456789ab"

steps = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abcde"), st.floats(0, 10), max_size=5),
        st.sets(st.sampled_from("abcde")),
        st.floats(0, 5),
        st.booleans(),
    ),
    max_size=20,
)


@given(steps, st.floats(0, 100))
def test_readings_and_what_is_left_make_the_holders_counter(steps, before):
    """Containers use CPU, start and end; some end after our last reading, some are never seen."""
    used: dict[str, float] = {}
    parent, told, read = before, 0.0, {}
    books = Leftover()
    books.update(parent, 0.0)
    for growth, ending, unseen, caught in steps:
        for name, seconds in growth.items():
            used[name] = used.get(name, 0.0) + seconds
            parent += seconds
        parent += unseen
        ended = ending & used.keys()
        read |= {name: used[name] for name in used if caught or name not in ended}
        for name in ended:
            del used[name]
            told += read.get(name, 0.0)
            books.end(read.pop(name, 0.0))
        books.update(parent, sum(read.values()))
    counted = told + sum(used.values()) + books.seconds
    assert counted == pytest.approx(parent - before, abs=1e-6)


def test_it_never_falls_though_a_holder_is_read_before_its_containers():
    books = Leftover()
    books.update(10.0, 1.0)
    books.update(13.0, 2.0)
    assert books.seconds == 2.0
    books.update(13.0, 2.5)
    assert books.seconds == 2.0


def test_of_a_new_holder_nothing_was_before_our_time():
    for is_new, expected in ((True, 2.0), (False, 0.0)):
        books = Leftover(is_new=is_new)
        books.update(3.0, 1.0)
        assert books.seconds == expected


def test_what_ended_before_the_first_look_at_its_holder_was_read_all_the_same():
    books = Leftover()
    books.end(1.0)
    books.update(3.0, 1.0)
    books.update(4.0, 1.0)
    assert books.seconds == 1.0


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ("/docker", "/docker"),
        ("/libpod_parent", "/libpod_parent"),
        (f"/kubepods/burstable/pod{UID}", "/kubepods"),
        (f"/kubepods/pod{UID}", "/kubepods"),
        (f"/pod{UID}", f"/pod{UID}"),
        (
            "/kubepods.slice/kubepods-burstable.slice/"
            f"kubepods-burstable-pod{UID.replace('-', '_')}.slice",
            "/kubepods.slice",
        ),
        (
            "/docker/ab/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
            f"kubelet-kubepods-besteffort-pod{UID.replace('-', '_')}.slice",
            "/docker/ab/kubelet.slice/kubelet-kubepods.slice",
        ),
        ("/system.slice", None),
        ("/", None),
        ("/kubepods.slice", None),
        ("/docker.service", None),
        ("/ecs/task", None),
    ],
)
def test_only_what_holds_nothing_but_containers_keeps_books(parent, expected):
    assert holder(parent) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/docker", "docker"), ("/libpod_parent", "docker"), ("/kubepods", "pod"),
     ("/kubepods.slice", "pod")],
)  # fmt: skip
def test_a_holder_is_of_pods_or_of_an_engine(path, expected):
    assert holder_class(path) == expected
