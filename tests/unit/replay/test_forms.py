"""A replay in its forms, with queues that mean harm."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone

import pytest

from exporter.history.extent import extent
from exporter.insight.autoscale import Policy as Settings
from exporter.insight.replay.learning import Learning, ScheduledRun
from exporter.replay.forms import as_json, svg, text
from exporter.replay.result import Result, result
from tests.unit.insight.replay.test_learning import tried

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
FIRST = BEGIN - timedelta(days=400)
HOSTILE = '\x1b[2J<script>"&\n'


def replay(*queues: str) -> Result:
    begin = BEGIN.timestamp()
    learning = Learning(begin, begin + 3600, 90.0)
    for queue in queues:
        tries = [tried("r", begin + at, 60.0, queue) for at in (0, 100, 100)]
        learning.add([ScheduledRun("d", "r", begin, begin + 5)], tries)
    hour = timedelta(hours=1)
    return result(learning, extent(BEGIN + hour, 24 * hour, hour, FIRST), Settings(), 1)


def test_every_way_to_scale_has_a_row() -> None:
    lines = text(replay("default")).splitlines()
    assert lines[3].startswith(
        "Tries by queue: default 3; 0 scheduled runs whose first wave was known before."
    )
    assert [line[:20].strip() for line in lines[-5:]] == [
        "guide formula", "guide KEDA", "chart KEDA", "ours, no look-ahead", "ours",
    ]  # fmt: skip


def test_queues_add_up() -> None:
    one, two = replay("a"), replay("a", "b")
    for single, double in zip(one.rows, two.rows, strict=True):
        assert double.worker_hours == 2 * single.worker_hours
        assert double.mean_wait_seconds == single.mean_wait_seconds
        assert [*double.workers] == [2 * each for each in single.workers]


def test_json_names_its_schema_and_units() -> None:
    found = json.loads(as_json(replay(HOSTILE)))
    assert found["schema"] == "airflow-perf-exporter.replay/1"
    assert found["tries"] == {HOSTILE: 3}
    assert found["policies"][2]["name"] == "chart KEDA"
    assert found["policies"][2]["worker_hours"] == 1.0


def test_the_picture_is_well_formed_and_has_a_line_for_each() -> None:
    root = ET.fromstring(svg(replay(HOSTILE)))
    name = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{name}polyline")) == 5
    assert not list(root.iter(f"{name}script"))


def test_no_queue_reaches_the_terminal_with_its_controls() -> None:
    assert all(line.isprintable() for line in text(replay(HOSTILE)).splitlines())


def test_what_could_not_look_ahead_is_not_judged_by_it_without_a_word() -> None:
    found = replay("default")
    words = "looking ahead had nothing to expect"
    assert words in text(dataclasses.replace(found, runs_due=0))
    assert words not in text(dataclasses.replace(found, runs_due=1))


def test_without_a_try_it_is_said() -> None:
    assert "No try was queued" in text(replay())
    assert ET.fromstring(svg(replay())) is not None
    assert json.loads(as_json(replay()))["policies"] == []


def test_both_ends_of_both_times_are_told() -> None:
    assert text(replay("default")).splitlines()[:2] == [
        "Replayed: 2026-01-01 00:00 to 2026-01-01 01:00 UTC (60.0 min)",
        "Learned from: 2025-12-31 00:00 to 2026-01-01 00:00 UTC (24.0 h)",
    ]


@pytest.mark.parametrize(
    ("first", "note"),
    [
        (
            BEGIN + timedelta(minutes=40),
            "The database begins at 2026-01-01 00:40 UTC: 20.0 min replayed, asked for 60.0 min; "
            "no time before it to learn from.",
        ),
        (
            BEGIN - timedelta(hours=3),
            "The database begins at 2025-12-31 21:00 UTC: looking ahead learned from 3.0 h, asked "
            "for 24.0 h.",
        ),
    ],
)
def test_every_form_says_where_the_database_begins(first: datetime, note: str) -> None:
    hour = timedelta(hours=1)
    short = extent(BEGIN + hour, 24 * hour, hour, first)
    found = dataclasses.replace(replay("default"), extent=short)
    assert note in text(found).splitlines()
    assert note in ET.fromstring(svg(found)).itertext()
    told = json.loads(as_json(found))
    assert note in told["notes"]
    assert told["database_begins"] == first.isoformat()
    assert (told["asked_seconds"], told["asked_learn_seconds"]) == (3600, 86400)
    assert note not in text(replay("default"))
