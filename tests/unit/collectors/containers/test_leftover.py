"""What ended containers used and no reading caught, against what they really used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.containers.leftover import Leftover, parent_class

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
def test_readings_and_what_is_left_make_the_parents_counter(steps, before):
    """Containers use CPU, start and end; some end after our last reading, some are never seen."""
    used: dict[str, float] = {}
    parent, told, last = before, 0.0, {}
    books = Leftover(parent, {})
    for growth, ending, unseen, caught in steps:
        for name, seconds in growth.items():
            used[name] = used.get(name, 0.0) + seconds
            parent += seconds
        parent += unseen
        ended = ending & used.keys()
        living = {name: seconds for name, seconds in used.items() if name not in ended}
        for name in ended:
            final = used.pop(name)
            if caught:
                living[name] = final
                last[name] = final
        last.update(living)
        books.update(parent, living)
        told += sum(last.pop(name) for name in ended if name in last)
        if caught:
            books.update(parent, {name: living[name] for name in used})
    counted = told + sum(used.values()) + books.seconds
    assert counted == pytest.approx(parent - before, abs=1e-6)


def test_it_never_falls_though_a_parent_is_read_before_its_containers():
    books = Leftover(10.0, {"a": 1.0})
    books.update(13.0, {"a": 2.0})
    assert books.seconds == 2.0
    books.update(13.0, {"a": 2.5})
    assert books.seconds == 2.0


def test_of_a_new_parent_nothing_was_before_our_time():
    assert Leftover(3.0, {"a": 1.0}, is_new=True).seconds == 2.0
    assert Leftover(3.0, {"a": 1.0}).seconds == 0.0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/docker", "docker"),
        ("/libpod_parent", "docker"),
        (f"/kubepods/burstable/pod{UID}", "pod"),
        (f"/kubepods/pod{UID}", "pod"),
        (
            "/kubepods.slice/kubepods-burstable.slice/"
            f"kubepods-burstable-pod{UID.replace('-', '_')}.slice",
            "pod",
        ),
        ("/system.slice", None),
        ("/", None),
        ("/kubepods.slice", None),
        ("/docker.service", None),
        ("/ecs/task", None),
    ],
)
def test_only_parents_of_nothing_but_containers_have_books(path, expected):
    assert parent_class(path) == expected
