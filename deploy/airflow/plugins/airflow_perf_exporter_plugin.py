"""Airflow plugin: tells airflow-perf-exporter how many rows each try of a task has written.

Copy this one file into the plugins folder of Airflow 2.11 or 3.x, and set where tasks run
AIRFLOW_PERF_EXPORTER_URL, the exporter's intake, such as http://exporter:10113; without it
the plugin registers nothing. It needs nothing but Airflow and the standard library.

- The rows that SQL hooks say they have written are added up, with no change to a DAG.
- `report_rows` is for DAG authors, who know better.
- `task_policy` gives the containers of DockerOperators the labels dag_id and task_id.

Rows and the name of the try leave the process; SQL text, parameters and connections never do.
No error of the plugin reaches a task, and none waits longer than half a second for it.
"""

from __future__ import annotations

import json
import logging
import operator
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from threading import Thread
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from airflow.models import TaskInstance
    from airflow.models.baseoperator import BaseOperator

_log = logging.getLogger(__name__)

_ENDPOINT_PATH = "/ingest/v1/tries"
_DEADLINE_SECONDS = 0.4
"""Of the half second that a task may lose; the rest is for being scheduled again."""
_MAX_PARTS = 64
"""Pipelines and stages of one try; for one more the exporter refuses all, as it does for
a longer name or a larger amount."""
_MAX_NAME = 200
_MAX_AMOUNT = 2**53 - 1
_MAX_LOOKED_AT = 1 << 18
"""Characters of SQL in one try: a tenth of a second or less. What is beyond is not counted."""
_MAX_HEAD = 1 << 16
"""Of them, of one statement: its verb stands at the beginning."""

Record = dict[str, "str | int | float | None"]
_Number = TypeVar("_Number", int, float)
_Given = TypeVar("_Given")


def _setting(name: str) -> str:
    return os.environ.get(f"AIRFLOW_PERF_EXPORTER_{name}", "").strip()


# ---- What a DAG's author says


class _Amounts(NamedTuple):
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None


@dataclass
class _Told:
    """What is known of the try that runs in this process."""

    reports: dict[tuple[str | None, str | None], _Amounts] = field(default_factory=dict)
    """By pipeline and stage."""
    seen: list[int] = field(default_factory=list)
    """How often each collected statement had been run when the try began."""


# Airflow loads a plugin's file more than once; all copies in a process share one of these.
_told: _Told = vars(sys.modules.setdefault("_airflow_perf_exporter", ModuleType("_"))).setdefault(
    "told", _Told()
)


def report_rows(
    rows: int | None,
    bytes: int | None = None,  # noqa: A002 - the name that authors expect
    seconds: float | None = None,
    pipeline: str | None = None,
    stage: str | None = None,
) -> None:
    """Say how much this try has written, for a pipeline and stage if it is for several.

    Calls add up and are sent when the task ends, instead of what SQL hooks have counted.
    `seconds` is the time that the data took; left out, it is the try's duration.
    """
    if not _setting("URL"):
        return
    try:
        given = _Amounts(
            _amount(operator.index, rows), _amount(operator.index, bytes), _amount(float, seconds)
        )
        part = (_name(pipeline), _name(stage))
    except (TypeError, ValueError, OverflowError):
        _log.warning("report_rows: left out, for an amount that is no number or below 0, or a name")
        return
    if part not in _told.reports and len(_told.reports) >= _MAX_PARTS:
        _log.warning("report_rows: a try has at most %d pipelines and stages", _MAX_PARTS)
        return
    before = _told.reports.get(part, _Amounts())
    _told.reports[part] = _Amounts(
        _added(before.rows, given.rows),
        _added(before.bytes, given.bytes),
        _added(before.seconds, given.seconds),
    )


def _amount(convert: Callable[[_Given], _Number], given: _Given | None) -> _Number | None:
    if given is None:
        return None
    number = convert(given)
    if not 0 <= number <= _MAX_AMOUNT:
        raise ValueError
    return number


def _name(given: str | None) -> str | None:
    if not given:
        return None
    if not isinstance(given, str) or len(given) > _MAX_NAME or not given.isprintable():
        raise ValueError
    return given


def _added(before: _Number | None, given: _Number | None) -> _Number | None:
    if before is None or given is None:
        return before if given is None else given
    return before + given


# ---- What SQL hooks have counted

_PLAIN = r"(?:[^*/]|\*(?!/)|/(?!\*))*"
_TOKEN = re.compile(
    rf"""
      --[^\n]*                                  # comments; what is never closed goes to the end
    | /\*{_PLAIN}(?:/\*{_PLAIN}\*/{_PLAIN})*\*/ | /\*.*
    | [eE]'(?:[^'\\]|''|\\.?)*(?:'|\Z)          # texts and quoted names
    | '[^']*(?:'|\Z) | "[^"]*(?:"|\Z) | `[^`]*(?:`|\Z)
    | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    | (?P<word>[^\W\d][\w$]*)
    | [();]
    """,
    re.VERBOSE | re.DOTALL,
)
_WRITES = {"INSERT", "REPLACE", "UPSERT", "UPDATE", "DELETE", "MERGE"}
_WRITES_OF_POSTGRES = {*_WRITES, "CREATE TABLE AS", "COPY"}
"""Elsewhere a driver gives result rows, files or 0 for these."""
_QUERIES = {*_WRITES, "SELECT", "VALUES", "TABLE"}
_CREATED = {"TABLE", "VIEW", "INDEX", "SCHEMA", "SEQUENCE"}
_MODIFIERS = {
    "OR", "REPLACE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "TRANSIENT", "UNIQUE",
}  # fmt: skip
_SILENT = {
    "", "ALTER", "ANALYZE", "BEGIN", "COMMENT", "COMMIT", "DROP", "END", "GRANT", "LOCK",
    "RELEASE", "RESET", "REVOKE", "ROLLBACK", "SAVEPOINT", "SET", "START", "TRUNCATE", "USE",
    "VACUUM",
}  # fmt: skip
"""Statements for which no driver has a count."""


def verb_of(sql: str, connection_type: str | None = None) -> str | None:
    """Return the verb whose written rows a driver's count is; None where it is not of any.

    A text of several statements has one count, of the first or the last depending on the driver:
    it is taken only where every statement that could have it writes.
    """
    verbs = [verb for verb in map(_verb, _statements(sql)) if verb not in _SILENT]
    writes = _WRITES_OF_POSTGRES if connection_type == "postgres" else _WRITES
    return verbs[-1] if verbs and writes.issuperset(verbs) else None


def _statements(sql: str) -> Iterator[list[str]]:
    """Yield the words of each statement that are not in parentheses, texts or comments."""
    words: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(sql):
        if token["word"] and not depth:
            words.append(token["word"].upper())
        elif token[0] in "()":
            depth = max(0, depth + (1 if token[0] == "(" else -1))
        elif token[0] == ";" and not depth:
            yield words
            words = []
    yield words


def _verb(words: list[str]) -> str:
    """Return what a statement does; empty where it has no count."""
    first = words[0] if words else ""
    if first in {"WITH", "SELECT"}:
        main = _main_verb(words)
        return "CREATE TABLE AS" if main == "SELECT" and "INTO" in words else main
    if first == "CREATE":
        created = next((word for word in words[1:] if word not in _MODIFIERS), "")
        if created == "TABLE" and "AS" in words:
            return "CREATE TABLE AS"
        return "" if created in _CREATED else first
    if first == "COPY":
        direction = next((word for word in words if word in {"FROM", "TO"}), "TO")
        return "COPY" if direction == "FROM" else "COPY TO"
    return first


def _main_verb(words: list[str]) -> str:
    """Return the verb after common table expressions, which may be named like one: then AS."""
    for word, then in zip(words, words[1:] + [""]):  # noqa: B905, RUF005 - as Python 3.9 can
        if word in _QUERIES and then != "AS":
            return word
    return words[0]


class _Statement(NamedTuple):
    """A text that a hook has run, once or more often with the same count."""

    sql: object
    rows: int | None
    times: int
    connection_type: str | None


def _collected() -> list[_Statement] | None:
    """Return what SQL hooks of this process have run; None where Airflow has left some out."""
    # Not loaded means that no SQL hook has run; importing it would cost the task time.
    lineage = sys.modules.get("airflow.providers.common.sql.hooks.lineage")
    if lineage is None:
        return []
    extras = lineage.get_hook_lineage_collector().collected_assets.extra
    if len(extras) >= getattr(sys.modules.get("airflow.sdk.lineage"), "MAX_COLLECTED_EXTRA", 200):
        return None
    return [
        _Statement(
            each.value.get("sql"),
            each.value.get("row_count"),
            each.count,
            getattr(each.context, "conn_type", None),
        )
        for each in extras
        if each.key == "sql_job"
    ]


def _begin(collected: list[_Statement] | None) -> None:
    """Count from here on: `dags test` runs many tries in one process."""
    _told.reports.clear()
    _told.seen[:] = [statement.times for statement in collected or ()]


class _Written(NamedTuple):
    verb: str
    rows: int
    times: int


def _written(collected: list[_Statement]) -> Iterator[_Written]:
    """Yield what was written since the try began, where the rows are known."""
    seen = _told.seen + [0] * len(collected)
    left = _MAX_LOOKED_AT
    for (sql, rows, times, connection_type), before in zip(collected, seen):  # noqa: B905 - seen is longer
        if times == before or rows is None or rows < 0 or not isinstance(sql, str):
            continue
        text = sql if ";" in sql.rstrip("; \t\r\n") else sql[:_MAX_HEAD]
        left -= len(text)
        if left >= 0 and (verb := verb_of(text, connection_type)):
            yield _Written(verb, rows, times - before)


def _total(written: list[_Written]) -> int:
    totals = {"last": written[-1].rows, "max": max(each.rows for each in written)}
    added = sum(each.rows * each.times for each in written)
    return totals.get(_setting("STATEMENTS"), added)


# ---- The records of a try, and their way to the exporter


def _records(task_instance: TaskInstance, state: str) -> list[Record]:
    """Return what there is to tell of the try that ends, and forget it."""
    collected = _collected()
    name: Record = {
        "dag_id": task_instance.dag_id,
        "task_id": task_instance.task_id,
        "run_id": task_instance.run_id,
        "map_index": getattr(task_instance, "map_index", None),
        "try_number": task_instance.try_number,
        "state": state,
    }
    claims = _reported() or _counted(collected)
    _begin(collected)
    return [_known({**name, **claim}) for claim in claims]


def _reported() -> list[Record]:
    return [
        {"source": "explicit", "pipeline": pipeline, "stage": stage, **amounts._asdict()}
        for (pipeline, stage), amounts in _told.reports.items()
        if amounts[:2] != (None, None)
    ]


def _counted(collected: list[_Statement] | None) -> list[Record]:
    if collected is None:
        _log.warning("rows are unknown: more statements than Airflow collects of one task")
        return []
    written = list(_written(collected))
    if not written:
        return []
    total = _total(written)
    by_verb: Counter[str] = Counter()
    for verb, rows, times in written:
        by_verb[verb] += rows * times
    _log.info("rows written: %d %s", total, dict(by_verb))
    return [{"source": "plugin", "rows": total}]


def _known(record: Record) -> Record:
    return {key: value for key, value in record.items() if value is not None}


def _deliver(records: list[Record], deadline: float) -> None:
    """Post the records once, and wait for the answer no longer than until the deadline.

    In a thread that may be left behind: nothing else bounds the look-up of a name.
    """
    answers: list[str] = []
    body = json.dumps(records).encode()

    def post() -> None:
        try:
            answers.append(_answer(_setting("URL"), body, deadline - monotonic()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
            answers.append(type(error).__name__)  # its text could hold the token

    thread = Thread(target=post, name="airflow-perf-exporter", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - monotonic()))
    answer = answers[0] if answers else "no answer in time"
    if not answer.startswith("2"):
        _log.warning("rows are not delivered to the exporter: %s", answer)


def _answer(url: str, body: bytes, seconds: float) -> str:
    """Return the status of the exporter's answer."""
    address = urlsplit(url)
    connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=max(0.001, seconds))
    try:
        path = address.path if address.path.strip("/") else _ENDPOINT_PATH
        headers = {"Content-Type": "application/json", **_authorization()}
        connection.request("POST", path, body, headers)
        return str(connection.getresponse().status)
    finally:
        connection.close()


def _authorization() -> dict[str, str]:
    file = _setting("TOKEN_FILE")
    token = Path(file).read_text().strip() if file else _setting("TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


# ---- Labels of containers


def task_policy(task: BaseOperator) -> None:
    """Give a DockerOperator's container the labels dag_id and task_id; the author's stay.

    The plugin does so when a task starts. Imported in airflow_local_settings.py it is a policy
    of the cluster, which needs no AIRFLOW_PERF_EXPORTER_URL.
    """
    mapped = getattr(task, "partial_kwargs", None)
    kind = type(task) if mapped is None else task.operator_class
    if not any(base.__name__ == "DockerOperator" for base in getattr(kind, "__mro__", ())):
        return
    ours = {"dag_id": task.dag_id, "task_id": task.task_id}
    if mapped is None:
        task.labels = _labelled(task.labels, ours)
    else:
        mapped["labels"] = _labelled(mapped.get("labels"), ours)


def _labelled(given: object, ours: dict[str, str]) -> object:
    if isinstance(given, (list, tuple)):
        given = dict.fromkeys(given, "")  # what Docker's library makes of a list
    if given is None or isinstance(given, dict):
        return {**ours, **(given or {})}
    return given  # of a kind that only its author understands


# ---- The plugin


class _Listener:
    """Hears of the start and the end of the task in this process."""

    @hookimpl
    def on_task_instance_running(self, task_instance: TaskInstance) -> None:
        try:
            _begin(_collected())
            task_policy(task_instance.task)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
            _log.warning("rows or labels of this try may be wrong: %s", type(error).__name__)

    @hookimpl
    def on_task_instance_success(self, task_instance: TaskInstance) -> None:
        self._ended(task_instance, "success")

    @hookimpl
    def on_task_instance_failed(self, task_instance: TaskInstance) -> None:
        self._ended(task_instance, "failed")

    @hookimpl
    def on_task_instance_skipped(self, task_instance: TaskInstance) -> None:
        self._ended(task_instance, "skipped")

    def _ended(self, task_instance: TaskInstance, state: str) -> None:
        deadline = monotonic() + _DEADLINE_SECONDS
        try:
            if records := _records(task_instance, state):
                _deliver(records, deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
            _log.warning("rows of this try are not told: %s", type(error).__name__)


class PerfExporterPlugin(AirflowPlugin):
    """The listener, and a reader of hook lineage: without one Airflow collects none."""

    name = "airflow_perf_exporter"

    @classmethod
    def on_load(cls, *_: object, **__: object) -> None:
        """Register both where there is an exporter to tell."""
        if not _setting("URL"):
            return
        try:
            from airflow.sdk.lineage import HookLineageReader  # noqa: PLC0415 - dear to import
        except ImportError:  # before Airflow 3.2
            from airflow.lineage.hook import HookLineageReader  # noqa: PLC0415
        cls.listeners = [_Listener()]
        cls.hook_lineage_readers = [HookLineageReader]
