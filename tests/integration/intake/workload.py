"""Claims and uses of many tries, with what must be counted once all of them are acknowledged."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Series = tuple[str, tuple[tuple[str, str], ...]]
"""Sample name and sorted labels."""
Record = dict[str, Any]
SIZES = (1, 1, 4, 12)
"""Messages in one body."""
_STAGES = ("bronze", "silver", "gold")


def series(name: str, **labels: str) -> Series:
    return name, tuple(sorted(labels.items()))


class Workload:
    """Bodies to post, in any order and any number of times, and the totals that they make."""

    def __init__(self, tries: int, seed: int) -> None:
        self._random = random.Random(seed)
        self.totals: defaultdict[Series, float] = defaultdict(float)
        messages = [each for number in range(tries) for each in self._messages(number)]
        self.claims = sum(map(len, messages))
        self._random.shuffle(messages)
        self.bodies = [json.dumps(body).encode() for body in self._bodies(messages)]

    def _bodies(self, messages: list[list[Record]]) -> Iterator[Record | list[Record]]:
        """Yield one record as it is, and several messages together as a list."""
        while messages:
            together = [
                messages.pop() for _ in range(min(len(messages), self._random.choice(SIZES)))
            ]
            records = [record for message in together for record in message]
            yield records if len(records) > 1 else records[0]

    def _messages(self, number: int) -> Iterator[list[Record]]:
        """Yield what is told of one try, by message, and add it to the totals."""
        on = {
            "dag_id": f"dag_{number % 7}", "task_id": f"load_{_STAGES[number % 3]}",
            "run_id": f"manual__{number // 2}", "map_index": number % 50 - 1,
            "try_number": number % 2 + 1, "state": "success" if number % 8 else "failed",
        }  # fmt: skip
        amounts = {"rows": self._random.randrange(1000), "seconds": self._random.randrange(100)}
        kind = number % 10
        if kind < 5:
            yield [on | amounts]
            self._count(on, _STAGES[number % 3], amounts)
        elif kind < 7:  # The better source wins; nothing is added up.
            yield [on | amounts, on | {"rows": 1 << 20, "bytes": 1 << 30, "source": "plugin"}]
            self._count(on, _STAGES[number % 3], amounts)
        elif kind == 7:  # Two stages of one try.
            yield [on | amounts | {"stage": stage} for stage in ("silver", "gold")]
            for stage in ("silver", "gold"):
                self._count(on, stage, amounts)
        elif kind == 8:  # Told twice, the later message may come first: the larger counts.
            more = amounts | {"rows": amounts["rows"] + 10, "bytes": 1000}
            yield [on | amounts]
            yield [on | more]
            self._count(on, _STAGES[number % 3], more)
        else:
            used = {"cpu_seconds": amounts["seconds"] + 0.25, "written_bytes": amounts["rows"]}
            yield [on | used | {"source": "sidecar", "id": f"id-{number}"}]
            labels = {"dag_id": on["dag_id"], "task_id": on["task_id"]}
            self.totals[series("task_cpu_seconds_total", **labels)] += used["cpu_seconds"]
            self.totals[series("task_written_bytes_total", **labels)] += used["written_bytes"]

    def _count(self, on: Record, stage: str, amounts: Record) -> None:
        labels = {
            "pipeline": on["dag_id"], "stage": stage,
            "dag_id": on["dag_id"], "task_id": on["task_id"],
        }  # fmt: skip
        names = {
            "rows": "data_rows_processed_total",
            "bytes": "data_bytes_processed_total",
            "seconds": "data_processing_seconds_total",
        }
        if on["state"] != "success":
            names = {"rows": "data_rows_failed_try_total"}
        for field, name in names.items():
            if field in amounts:
                self.totals[series(name, **labels)] += amounts[field]
        for field in ("rows", "bytes"):
            if field in amounts and on["state"] == "success":
                of = {"pipeline": on["dag_id"], "stage": stage}
                self.totals[series(f"data_timed_{field}_total", **of)] += amounts[field]
                self.totals[series(f"data_timed_{field}_seconds_total", **of)] += amounts["seconds"]
