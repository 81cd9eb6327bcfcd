"""Tests of the parsers: the kernel's formats are read, and any other bytes give None."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.kernel.parse import LARGEST, field, number, pids, pressure, quota
from tests.unit.kernel.hostile import SEEDS, contents

STAT = b"anon 4096\nfile 8192\nanon_thp 1\ninactive_file 77\n"
PSI = (
    b"some avg10=0.00 avg60=0.12 avg300=0.05 total=1234567\n"
    b"full avg10=0.00 avg60=0.00 avg300=0.00 total=42\n"
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"123\n", 123),
        (b"0", 0),
        (b"18446744073709551615\n", LARGEST),
        (b"18446744073709551616\n", None),
        (b"9" * 5000, None),
        (b"max\n", None),
        (b"-1\n", None),
        (b"", None),
        (b"1 2", None),
        (b"1_000", None),
        (b"+1", None),
        ("\u0661\u0662".encode(), None),
        (b"1\0", None),
    ],
)
def test_a_number_is_ascii_digits_within_64_bits(data, expected):
    assert number(data) == expected


@pytest.mark.parametrize(
    ("data", "key", "expected"),
    [
        (STAT, b"anon", 4096),
        (STAT, b"file", 8192),
        (STAT, b"inactive_file", 77),
        (STAT, b"ano", None),
        (STAT, b"thp", None),
        (STAT[:-1], b"inactive_file", None),
        (b"anon x\nanon 2\n", b"anon", None),
        (b"", b"anon", None),
        (b"anon\n", b"anon", None),
        (b"xanon 1\nanon 2\n", b"anon", 2),
    ],
)
def test_a_field_is_found_by_its_whole_key_on_a_whole_line(data, key, expected):
    assert field(data, key) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PSI, (1234567, 42)),
        (PSI[: PSI.index(b"full")], (1234567, None)),
        (PSI[PSI.index(b"full") :], (None, 42)),
        (PSI[:-1], (1234567, None)),
        (b"some avg10=0\nfull total=1\n", (None, 1)),
        (b"awesome total=3\n", (None, None)),
        (b"", (None, None)),
    ],
)
def test_pressure_is_the_totals_of_both_lines(data, expected):
    assert pressure(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"max 100000\n", (None, 100000)),
        (b"50000 100000\n", (50000, 100000)),
        (b"50000\n", (None, None)),
        (b"50000 x\n", (None, None)),
        (b"1 2 3\n", (None, None)),
        (b"", (None, None)),
    ],
)
def test_a_quota_is_a_pair_of_which_the_first_may_be_max(data, expected):
    assert quota(data) == expected


@pytest.mark.parametrize(
    ("data", "most", "expected"),
    [
        (b"1\n22\n333\n", 10, [1, 22, 333]),
        (b"1\n22\n333", 10, [1, 22]),
        (b"0\n5\nx\n\n-4\n6\n", 10, [5, 6]),
        (b"1\n2\n3\n", 2, [1, 2]),
        (b"1\n", 0, []),
        (b"", 5, []),
    ],
)
def test_process_ids_are_whole_lines_and_not_of_other_namespaces(data, most, expected):
    assert pids(data, most) == expected


@settings(max_examples=2500)
@given(SEEDS, st.sampled_from([b"anon", b"total_rss", b"some", b"max"]))
def test_no_content_raises_and_every_value_fits_64_bits(seed, key):
    for data in contents(seed):
        values = [number(data), field(data, key), *pressure(data), *quota(data), *pids(data, 50)]
        assert all(value is None or 0 <= value <= LARGEST for value in values)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.text("abc_", min_size=1, max_size=4).map(str.encode), st.integers(0, LARGEST), max_size=8
    )
)
def test_every_field_that_was_written_is_read(values):
    data = b"".join(b"%s %d\n" % item for item in values.items())
    assert {key: field(data, key) for key in values} == values
