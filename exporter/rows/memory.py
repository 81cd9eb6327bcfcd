"""The rows' account as checkpoint entries: compared, encoded, decoded again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from exporter.rows.account import Account
from exporter.rows.entries import claim_values, claims_of, try_id, try_text
from exporter.rows.settlement import Memory, Settled, Waiting
from exporter.rows.stages import Place
from exporter.rows.tasks import Known, TaskName
from exporter.rows.timed import Timed
from exporter.rows.window import Slot
from exporter.samples import Changes, EntryKey

WAITING, SETTLED, TASK, WINDOW = "rows_waiting", "rows_settled", "rows_task", "rows_window"


def compare_accounts(changes: Changes, before: Account, after: Account) -> None:
    """Note what changed from one account to the next."""
    old, new = before.tries, after.tries
    changes.compare(WAITING, old.waiting, new.waiting, try_text, _waiting_text)
    changes.compare(SETTLED, old.settled, new.settled, try_text, _settled_text)
    changes.compare(TASK, before.tasks, after.tasks, json.dumps, _task_text)
    changes.compare(WINDOW, before.window, after.window, json.dumps, json.dumps)


def restored_account(entries: Mapping[EntryKey, str]) -> Account:
    """Return the account that entries hold; raise ValueError or TypeError for unreadable ones."""
    found: dict[str, dict[str, str]] = {}
    for (name, key), value in entries.items():
        found.setdefault(name, {})[key] = value

    def section(name: str) -> dict[str, str]:
        return found.get(name, {})

    settled = {try_id(key): _settled(value) for key, value in section(SETTLED).items()}
    tasks = {_task_name(key): _task(value) for key, value in section(TASK).items()}
    return Account(
        Memory(
            {try_id(key): _waiting(value) for key, value in section(WAITING).items()},
            # A file has no order; theirs is that of time.
            dict(sorted(settled.items(), key=lambda each: each[1].at)),
        ),
        dict(sorted(tasks.items(), key=lambda each: max(known.at for known in each[1]))),
        {
            Slot(*json.loads(key)): Timed(*json.loads(value))
            for key, value in section(WINDOW).items()
        },
    )


def _waiting_text(each: Waiting) -> str:
    start = each.start.isoformat() if each.start else None
    told = None if each.told is None else claim_values(each.told)
    return json.dumps([each.outcome, each.duration_seconds, each.counted_at, start, told])


def _waiting(text: str) -> Waiting:
    outcome, duration, counted_at, start, told = json.loads(text)
    return Waiting(
        outcome,
        duration,
        counted_at,
        start=datetime.fromisoformat(start) if start else None,
        told=None if told is None else claims_of(told),
    )


def _settled_text(each: Settled) -> str:
    return json.dumps([each.outcome, each.duration_seconds, each.at, claim_values(each.told)])


def _settled(text: str) -> Settled:
    outcome, duration, at, told = json.loads(text)
    return Settled(outcome, duration, at, claims_of(told))


def _task_text(places: tuple[Known, ...]) -> str:
    return json.dumps([[*place, *rest] for place, *rest in places])


def _task(text: str) -> tuple[Known, ...]:
    return tuple(
        Known(Place(pipeline, stage), *rest) for pipeline, stage, *rest in json.loads(text)
    )


def _task_name(text: str) -> TaskName:
    dag_id, task_id = json.loads(text)
    return dag_id, task_id
