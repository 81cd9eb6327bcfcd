"""Memory between two measurements."""

from __future__ import annotations

from exporter.collectors.tasks.memory import Memory
from exporter.collectors.tasks.process_id import ProcessId
from exporter.collectors.tasks.stat import Resident

ROOT, FORK = ProcessId(5, 1), ProcessId(6, 2)


def test_what_is_shared_is_taken_off_until_it_is_measured_again():
    memory = Memory()
    memory.measure({ROOT: Resident(rss=150, pss=40)})
    memory.follow({ROOT: 150})
    assert memory.now == 40
    memory.follow({ROOT: 400})
    assert memory.now == 290
    memory.follow({ROOT: 100})
    assert memory.now == 0
    memory.measure({ROOT: Resident(rss=100, pss=30)})
    memory.follow({ROOT: 100})
    assert (memory.now, memory.peak) == (30, 290)


def test_a_measurement_is_exact_though_the_resident_set_is_told_in_two_ways():
    memory = Memory()
    memory.follow({ROOT: 1612, FORK: 1500})
    memory.measure({ROOT: Resident(rss=1716, pss=137), FORK: Resident(rss=1400, pss=1390)})
    memory.follow({ROOT: 1612, FORK: 1500})
    assert memory.now == memory.peak == 137 + 1390
    memory.follow({ROOT: 1812, FORK: 1500})
    assert memory.now == 337 + 1390


def test_growth_between_two_looks_is_not_counted_twice():
    mib = 1024 * 1024
    memory = Memory()
    memory.follow({ROOT: 20 * mib})
    memory.measure({ROOT: Resident(rss=170 * mib, pss=160 * mib)})
    memory.follow({ROOT: 170 * mib})
    assert memory.now == memory.peak == 160 * mib


def test_a_fork_counts_nothing_before_it_is_measured():
    memory = Memory()
    memory.measure({ROOT: Resident(100, 100)})
    memory.follow({ROOT: 100, FORK: 100})
    assert memory.now == 100
    memory.measure({ROOT: Resident(100, 50), FORK: Resident(100, 50)})
    memory.follow({ROOT: 100, FORK: 100})
    assert memory.now == memory.peak == 100


def test_what_was_shared_with_a_process_that_has_ended_is_not_charged_to_both():
    mib = 1024 * 1024
    memory = Memory()
    half = Resident(200 * mib, 100 * mib)
    memory.measure({ROOT: half, FORK: half})
    memory.follow({ROOT: 200 * mib, FORK: 200 * mib})
    memory.measure({ROOT: Resident(20 * mib, 20 * mib), FORK: None})
    memory.follow({ROOT: 20 * mib})
    assert (memory.now, memory.peak) == (20 * mib, 200 * mib)


def test_resident_sets_stand_in_where_nothing_can_be_measured():
    memory = Memory()
    memory.measure({ROOT: None})
    memory.follow({ROOT: 70})
    assert memory.now == 70


def test_a_high_water_mark_counts_less_what_was_shared_when_it_rose():
    memory = Memory()
    memory.measure({ROOT: Resident(150, 50)})
    memory.follow({ROOT: 150})
    memory.high_water(ROOT, 150)
    assert memory.peak == 50
    memory.high_water(ROOT, 500)
    assert memory.peak == 400
    memory.measure({ROOT: Resident(150, 140)})
    memory.high_water(ROOT, 500)
    assert memory.peak == 400


def test_where_a_container_serves_one_try_its_memory_is_the_containers():
    memory, told = Memory(), [500, 700, None]
    memory.container = lambda: told.pop(0)
    memory.follow({ROOT: 150})
    assert (memory.now, memory.peak) == (500, 500)
    memory.follow({ROOT: 150})
    assert (memory.now, memory.peak) == (700, 700)
    memory.measure({ROOT: Resident(rss=150, pss=40)})
    memory.follow({ROOT: 150})
    assert (memory.now, memory.peak) == (40, 700)
