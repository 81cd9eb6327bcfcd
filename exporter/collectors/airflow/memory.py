"""The collector's memory as checkpoint entries: encoded, compared, decoded again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from exporter.collectors.airflow.runs import RunMemory
from exporter.collectors.airflow.tries import Begun, Memory
from exporter.insight.experience import Experience, RunName
from exporter.model import RunKey, TaskKey, TryKey
from exporter.rows.account import Account
from exporter.rows.memory import compare_accounts, restored_account
from exporter.samples import Changes, Checkpoint, EntryKey


@dataclass(frozen=True, slots=True)
class Remembered:
    """Everything that the collector keeps from one sample to the next; moments are Unix seconds."""

    tries: Memory | None = None
    runs: RunMemory = field(default_factory=RunMemory)
    queues: Mapping[str, bool] = field(default_factory=dict)
    last_success: Mapping[str, float] = field(default_factory=dict)
    last_finish: Mapping[str, float] = field(default_factory=dict)
    rows: Account = field(default_factory=Account)
    experience: Experience = field(default_factory=Experience)


def checkpoint(before: Remembered, after: Remembered) -> Checkpoint:
    """Return what changed from one memory to the next, as entries."""
    changes = Changes()
    compare = changes.compare
    old_tries, new_tries = before.tries, after.tries
    compare("tries", _moments(old_tries), _moments(new_tries), str, datetime.isoformat)
    compare(
        "begun", old_tries.begun if old_tries else {}, new_tries.begun if new_tries else {},
        _task_text, _begun_text,
    )  # fmt: skip
    compare(
        "counted", old_tries.counted if old_tries else {}, new_tries.counted if new_tries else {},
        _try_text, datetime.isoformat,
    )  # fmt: skip
    compare("runs", {"cursor": before.runs.cursor}, {"cursor": after.runs.cursor}, str, str)
    compare("run_active", before.runs.active, after.runs.active, str, _run_text)
    compare("run_counted", before.runs.counted, after.runs.counted, _run_text, datetime.isoformat)
    compare("queue", before.queues, after.queues, str, str)
    compare("last_success", before.last_success, after.last_success, str, repr)
    compare("last_finish", before.last_finish, after.last_finish, str, repr)
    if before.tries is None:
        # Nothing has been written yet, so the cursor is new even when it is 0.
        changes.put["runs", "cursor"] = str(after.runs.cursor)
    compare_accounts(changes, before.rows, after.rows)
    old, new = before.experience, after.experience
    compare("queue_duration", old.durations, new.durations, str, repr)
    compare("first_wave", old.waves, new.waves, str, json.dumps)
    compare("first_wave_begun", old.begun, new.begun, json.dumps, datetime.isoformat)
    return changes.checkpoint(partial(_entries, after))


def _entries(memory: Remembered) -> Mapping[EntryKey, str]:
    return checkpoint(Remembered(), memory).put


def restored(entries: Mapping[EntryKey, str]) -> Remembered:
    """Return the memory that a ledger's entries hold; raise ValueError when they make no sense."""
    sections: dict[str, dict[str, str]] = {}
    for (name, key), value in entries.items():
        sections.setdefault(name, {})[key] = value

    def section(name: str) -> dict[str, str]:
        return sections.get(name, {})

    runs = RunMemory(
        cursor=int(section("runs").get("cursor", "0")),
        active={int(key): _run_key(value) for key, value in section("run_active").items()},
        counted={
            _run_key(key): datetime.fromisoformat(value)
            for key, value in section("run_counted").items()
        },
    )
    return replace(
        Remembered(runs=runs),
        tries=_tries(section("tries"), section("begun"), section("counted")),
        queues=dict.fromkeys(section("queue"), True),
        last_success={dag: float(value) for dag, value in section("last_success").items()},
        last_finish={dag: float(value) for dag, value in section("last_finish").items()},
        rows=restored_account(entries),
        experience=Experience(
            {queue: float(value) for queue, value in section("queue_duration").items()},
            {dag: json.loads(value) for dag, value in section("first_wave").items()},
            {
                RunName(*json.loads(key)): datetime.fromisoformat(at)
                for key, at in section("first_wave_begun").items()
            },
        ),
    )


def _tries(
    moments: Mapping[str, str], begun: Mapping[str, str], counted: Mapping[str, str]
) -> Memory | None:
    if not moments:
        return None
    return Memory(
        first_look=datetime.fromisoformat(moments["first_look"]),
        since=datetime.fromisoformat(moments["since"]),
        read_until=_moment(moments.get("read_until")),
        begun={_task_key(key): _begun(value) for key, value in begun.items()},
        counted={_try_key(key): datetime.fromisoformat(end) for key, end in counted.items()},
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _moments(memory: Memory | None) -> dict[str, datetime]:
    if memory is None:
        return {}
    catching_up = {"read_until": memory.read_until} if memory.read_until else {}
    return {"first_look": memory.first_look, "since": memory.since, **catching_up}


def _task_text(key: TaskKey) -> str:
    return json.dumps(key)


def _task_key(text: str) -> TaskKey:
    return TaskKey(*json.loads(text))


def _try_text(key: TryKey) -> str:
    return json.dumps([*key.key, key.start.isoformat()])


def _try_key(text: str) -> TryKey:
    *task, start = json.loads(text)
    return TryKey(TaskKey(*task), datetime.fromisoformat(start))


def _begun_text(begun: Begun) -> str:
    return json.dumps([begun.state, begun.start.isoformat(), begun.try_number])


def _begun(text: str) -> Begun:
    state, start, try_number = json.loads(text)
    return Begun(state, datetime.fromisoformat(start), try_number)


def _run_text(key: RunKey) -> str:
    return json.dumps(key)


def _run_key(text: str) -> RunKey:
    found: Any = json.loads(text)
    return RunKey(*found)
