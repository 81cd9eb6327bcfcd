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
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from itertools import chain, islice
from math import inf
from pathlib import Path
from threading import RLock, Thread
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from airflow.models import TaskInstance
    from airflow.models.baseoperator import BaseOperator

_log = logging.getLogger(__name__)

_ENDPOINT_PATH = "/ingest/v1/tries"
_DEADLINE_SECONDS = 0.4
"""Of the half second that a task may lose; the rest is for being scheduled again."""
_READING_SECONDS = 0.2
"""Of these, for finding out what was written; what takes longer is unknown."""
_MAX_READ = 1 << 19
"""Characters of SQL that are read of one try; rows of a try with more are unknown."""

# What the exporter takes: it refuses a body for anything more in it.
_MAX_BODY = 64 * 1024
_MAX_PARTS = 64
"""Pipelines and stages of one try."""
_MAX_AMOUNT = 2**53 - 1
_MAX_SECONDS = 10 * 366 * 86400
_MAX_NAME = 200
_MAX_ID = 250
_MAX_SENTENCE = 300
"""Characters of what the exporter says is wrong."""
_MAX_SAID = 4 * _MAX_SENTENCE
_ID = re.compile(r"[\w.\-]+")
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# As the exporter has it: marks and letters that nobody sees, though Python calls them printable.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_OTHER = "__other__"
"""What the exporter calls the rest of a family that is full."""

Record = dict[str, "str | int | float | None"]
_Number = TypeVar("_Number", int, float)


class _UnknownError(Exception):
    """Why the rows of a try are not known."""


def _setting(name: str) -> str:
    return os.environ.get(f"AIRFLOW_PERF_EXPORTER_{name}", "").strip()


# ---- What a DAG's author says


class _Amounts(NamedTuple):
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    is_timed: bool = True
    """Whether the seconds are of all the rows and bytes."""

    def plus(self, given: _Amounts) -> _Amounts:
        """Add a call."""
        is_timed = given.seconds is not None or (given.rows, given.bytes) == (None, None)
        return _Amounts(
            _added(self.rows, given.rows),
            _added(self.bytes, given.bytes),
            _added(self.seconds, given.seconds),
            self.is_timed and is_timed,
        )


_Part = tuple["str | None", "str | None"]
"""Pipeline and stage."""


@dataclass
class _Told:
    """What is known of the try that runs in this process."""

    reports: dict[_Part, _Amounts] = field(default_factory=dict)
    seen: list[int] | None = field(default_factory=list)
    """How often each collected statement had been run when the try began, if that is known."""
    lock: RLock = field(default_factory=RLock)
    """Of the reports; a signal's handler may report while its thread holds it."""

    def add(self, part: _Part, given: _Amounts) -> bool:
        """Add a report, from any thread; return whether the try may have its part."""
        with self.lock:
            if part not in self.reports and len(self.reports) >= _MAX_PARTS:
                return False
            self.reports[part] = self.reports.get(part, _Amounts()).plus(given)
            return True

    def taken(self) -> dict[_Part, _Amounts]:
        """Return the reports, and forget them."""
        with self.lock:
            reports, self.reports = self.reports, {}
            return reports


# Airflow loads a plugin's file more than once; all copies in a process share one of these.
_told: _Told = vars(sys.modules.setdefault("_airflow_perf_exporter", ModuleType("_"))).setdefault(
    "told", _Told()
)
# A process that is forked while another thread reports would wait for that thread for ever.
os.register_at_fork(after_in_child=lambda: setattr(_told, "lock", RLock()))


def report_rows(
    rows: int | None = None,
    bytes: int | None = None,  # noqa: A002 - the name that authors expect
    seconds: float | None = None,
    pipeline: str | None = None,
    stage: str | None = None,
) -> None:
    """Say how much this try has written, for a pipeline and stage if it is for several.

    Calls, from any thread, add up and are sent when the task ends, instead of what SQL hooks have
    counted. `seconds` is the time that the data took; left out with any rows or bytes of a stage,
    it is the try's duration.
    """
    if not _setting("URL"):
        return
    try:
        part = (_name(pipeline), _name(stage))
        given = _Amounts(_count(rows), _count(bytes), _duration(seconds))
    except Exception:  # noqa: BLE001 - whatever an object does when it is looked at
        _log.warning("report_rows: left out, for an amount or a name that the exporter refuses")
        return
    if not _told.add(part, given):
        _log.warning("report_rows: a try has at most %d pipelines and stages", _MAX_PARTS)


def _count(given: float | None) -> int | None:
    """Return a count, also of a whole float: dataframes and drivers make them."""
    if given is None:
        return None
    if isinstance(given, float) and given.is_integer():
        return _within(int(given), _MAX_AMOUNT)
    return _within(int(operator.index(given)), _MAX_AMOUNT)  # type: ignore[arg-type]


def _duration(given: float | None) -> float | None:
    return None if given is None else _within(float(given), _MAX_SECONDS)


def _within(number: _Number, most: int) -> _Number:
    if not 0 <= number <= most:
        raise ValueError
    return number


def _name(given: str | None) -> str | None:
    """Return a name that the exporter takes, None for none; raise ValueError for another one."""
    if given is None:
        return None
    name = str.__str__(given)  # raises for what is no text, and an enumeration's member is one
    if len(name) > _MAX_NAME or name != name.strip() or name == _OTHER:
        raise ValueError
    if not name.isprintable() or _UNSEEN.search(name):
        raise ValueError
    return name or None


def _added(before: _Number | None, given: _Number | None) -> _Number | None:
    if before is None or given is None:
        return before if given is None else given
    return before + given


# ---- What a text of SQL does

_COMMON = r"""
    [\s\d,.<>=+*%!&|^~?:@\[\]{}\\]+ | `[^`]*`
  | (?P<comment>/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)
  | (?P<word>[^\W\d][\w$]*)\s*
  | (?P<group>\([^()'"`$/\-\#\\]*(?:(?:'[^'\\]*'|-(?!-)|/(?!\*))[^()'"`$/\-\#\\]*)*\))[\s,]*
  | (?P<sign>\(+|\)+|;+)\s*
  | (?P<open>['"`]|/\*)                      # and never closed
  | .
"""
"""A group is what is plain in parentheses, as rows of VALUES are."""


def _grammar(dialect: str) -> re.Pattern[str]:
    """Return what matches the next piece of a text: each is read once, and none in vain."""
    return re.compile(dialect + _COMMON, re.VERBOSE | re.DOTALL)


_STANDARD = _grammar(
    r"""
    --[^\n\r]*
  | [eE]'[^'\\]*(?:\\.[^'\\]*)*' | '[^']*' | "[^"]*"
  | \$(?P<tag>(?:[^\W\d]\w*)?)\$(?:.*?\$(?P=tag)\$|(?P<endless>))
  |"""
)
_MYSQL = _grammar(
    r"""
    --(?!\S)[^\n]* | \#[^\n]*
  | '[^'\\]*(?:\\.[^'\\]*)*' | "[^"\\]*(?:\\.[^"\\]*)*"
  |"""
)
_OPEN = {"open", "endless"}
_GRAMMARS = {"postgres": (_STANDARD,), "mysql": (_MYSQL,)}
"""By connection type; of other databases a text must say the same by both."""

_WRITES = frozenset({"INSERT", "REPLACE", "UPSERT", "UPDATE", "DELETE", "MERGE"})
_WRITES_OF_POSTGRES = _WRITES | {"CREATE TABLE AS", "COPY"}
"""Elsewhere a driver gives result rows, files or 0 for these."""
_QUERIES = _WRITES | {"SELECT", "VALUES", "TABLE"}
_CREATED = {"TABLE", "VIEW", "INDEX", "SCHEMA", "SEQUENCE"}
_MODIFIERS = {
    "OR", "REPLACE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "TRANSIENT", "UNIQUE",
}  # fmt: skip
_SILENT_IN_POSTGRES = {
    "CREATE", "ALTER", "ANALYZE", "BEGIN", "COMMENT", "COMMIT", "DROP", "END", "GRANT", "LOCK",
    "RELEASE", "RESET", "REVOKE", "ROLLBACK", "SAVEPOINT", "SET", "START", "TRUNCATE", "USE",
    "VACUUM",
}  # fmt: skip
"""Statements without a count; elsewhere it may be 0."""


class _UnclearError(Exception):
    """A text that databases read differently, or none reads."""


@dataclass
class _Allowance:
    """What may still be read of the SQL of one try."""

    until: float = inf
    characters: int = _MAX_READ

    def hold(self) -> None:
        """Raise _UnknownError when time is up."""
        if monotonic() > self.until:
            why = f"finding out takes more than {_READING_SECONDS} s"
            raise _UnknownError(why)


def verb_of(
    sql: str, connection_type: str | None = None, allowance: _Allowance | None = None
) -> str | None:
    """Return the verb whose written rows a driver's count is; None where it is not of any."""
    verbs = set()
    several = bool(sql.partition(";")[2].strip("; \t\r\n"))
    try:
        for grammar in _GRAMMARS.get(connection_type or "", (_STANDARD, _MYSQL)):
            found = _verbs(_tokens(sql, grammar, allowance or _Allowance()))
            # The verb of a single statement is known long before its end.
            verbs.add(_counted_verb(found if several else islice(found, 1), connection_type))
    except _UnclearError:
        return None
    return verbs.pop() if len(verbs) == 1 else None


def _counted_verb(verbs: Iterator[str], connection_type: str | None) -> str | None:
    """Return the verb that a count of these statements is of.

    A text of several statements has one count, of the first or the last depending on the driver:
    it is taken only where every statement that could have it writes. On PostgreSQL some have none,
    but where the last has none, there is none of the text.
    """
    writes, silent = _WRITES, set[str]()
    if connection_type == "postgres":
        writes, silent = _WRITES_OF_POSTGRES, _SILENT_IN_POSTGRES
    last = ""
    for last in verbs:
        if last not in writes and last not in silent:
            return None
    return last if last in writes else None


def _tokens(sql: str, grammar: re.Pattern[str], allowance: _Allowance) -> Iterator[str]:
    """Yield words, ";" and "(" that are not in parentheses, texts or comments."""
    left, depth = allowance.characters, 0
    end = min(len(sql), left)
    for piece in grammar.finditer(sql, 0, end):
        allowance.hold()
        kind = piece.lastgroup
        if kind in {None, "tag"}:  # a text, a line's comment, or what says nothing
            continue
        allowance.characters = left - piece.end()
        if end < len(sql) and (kind in _OPEN or piece.end() == end):
            break
        if kind in _OPEN or (kind == "comment" and _unclear(piece[0])):
            raise _UnclearError
        if not depth and (kind == "word" or piece[0][0] in "(;"):
            yield piece["word"].upper() if kind == "word" else piece[0][0]
        if kind == "sign":
            depth += piece[0].count("(") - piece[0].count(")")
        if depth < 0:
            raise _UnclearError
    allowance.characters = left - end
    if end < len(sql):
        why = f"there is more SQL than the {_MAX_READ} characters that are read"
        raise _UnknownError(why)
    if depth:
        raise _UnclearError


def _unclear(comment: str) -> bool:
    """Whether some databases end a comment elsewhere, or run what is in it."""
    return "/*" in comment[2:] or comment.startswith(("/*!", "/*M!"))


def _verbs(tokens: Iterator[str]) -> Iterator[str]:
    """Yield the verb of each statement as soon as it is known."""
    for first in tokens:
        if first != ";":
            rest = iter(lambda: next(tokens, ";"), ";")
            yield _verb(first, (word for word in rest if word != "("))
            deque(rest, maxlen=0)


def _verb(first: str, rest: Iterator[str]) -> str:
    """Return what a statement does, reading on no further than needed."""
    if first in {"WITH", "SELECT"}:
        return _verb_of_query(first, rest)
    if first == "CREATE":
        created = next((word for word in rest if word not in _MODIFIERS), "")
        if created == "TABLE" and "AS" in rest:
            return "CREATE TABLE AS"
        return "CREATE" if created in _CREATED else f"CREATE {created}"
    if first == "COPY":
        return "COPY" if next((w for w in rest if w in {"FROM", "TO"}), "") == "FROM" else "COPY TO"
    return first


def _verb_of_query(first: str, rest: Iterator[str]) -> str:
    """Return the verb after common table expressions; a SELECT may have INTO before its FROM."""
    verb, word = first, first
    for then in chain(rest, [""]):
        if verb == "WITH" and word in _QUERIES and then != "AS":  # else it is an expression's name
            verb = word
        if verb not in {"WITH", "SELECT"} or (then == "FROM" and word != "DISTINCT"):
            break
        if verb == "SELECT" and then == "INTO":
            return "CREATE TABLE AS"
        word = then
    return verb


# ---- What SQL hooks have counted


class _Statement(NamedTuple):
    """A text that a hook has run, once or more often with the same count."""

    sql: object
    rows: int | None
    times: int
    connection_type: str | None


def _collected(allowance: _Allowance) -> Iterator[_Statement]:
    """Yield what SQL hooks of this process have run; raise _UnknownError where some is missing."""
    # Not loaded means that no SQL hook has run; importing it would cost the task time.
    lineage = sys.modules.get("airflow.providers.common.sql.hooks.lineage")
    if lineage is None:
        return
    extras = lineage.get_hook_lineage_collector().collected_assets.extra
    if len(extras) >= getattr(sys.modules.get("airflow.sdk.lineage"), "MAX_COLLECTED_EXTRA", 200):
        why = "there are more statements than Airflow collects of one task"
        raise _UnknownError(why)
    for each in extras:
        allowance.hold()
        if each.key == "sql_job":
            yield _Statement(
                each.value.get("sql"),
                _driver_count(each.value.get("row_count")),
                each.count,
                getattr(each.context, "conn_type", None),
            )


def _driver_count(given: float | None) -> int | None:
    try:
        return _count(given)
    except Exception:  # noqa: BLE001 - a driver may say anything
        return None


def _begin() -> None:
    """Count from here on: `dags test` runs many tries in one process."""
    _told.taken()
    _told.seen = None
    with suppress(_UnknownError):  # then it is so at the end, too
        allowance = _Allowance(monotonic() + _READING_SECONDS)
        _told.seen = [statement.times for statement in _collected(allowance)]


class _Written(NamedTuple):
    verb: str
    rows: int
    times: int


def _written(allowance: _Allowance) -> Iterator[_Written]:
    """Yield what was written since the try began, where the rows are known."""
    collected = list(_collected(allowance))
    if _told.seen is None:
        why = "what had run before the try began is not known"
        raise _UnknownError(why)
    seen = _told.seen + [0] * len(collected)
    _told.seen = [statement.times for statement in collected]
    for (sql, rows, times, connection_type), before in zip(collected, seen):  # noqa: B905 - seen is longer
        if times == before or rows is None or not isinstance(sql, str):
            continue
        if verb := verb_of(sql, connection_type, allowance):
            yield _Written(verb, rows, times - before)


def _counted(allowance: _Allowance) -> list[Record]:
    written = list(_written(allowance))
    if not written:
        return []
    total = _total(written)
    if total > _MAX_AMOUNT:
        why = "there are more than the exporter takes"
        raise _UnknownError(why)
    by_verb: Counter[str] = Counter()
    for verb, rows, times in written:
        by_verb[verb] += rows * times
    _log.info("rows written: %d %s", total, dict(by_verb))
    return [{"source": "plugin", "rows": total}]


def _total(written: list[_Written]) -> int:
    totals = {
        "sum": sum(each.rows * each.times for each in written),
        "last": written[-1].rows,
        "max": max(each.rows for each in written),
    }
    setting = _setting("STATEMENTS") or "sum"
    if setting not in totals:
        _log.warning("AIRFLOW_PERF_EXPORTER_STATEMENTS is none of sum, last and max: sum is taken")
    return totals.get(setting, totals["sum"])


# ---- The records of a try, and their way to the exporter


def _records(task_instance: TaskInstance, state: str, allowance: _Allowance) -> list[Record]:
    """Return what there is to tell of the try that ends, and forget it."""
    claims = _reported(_told.taken()) or _counted(allowance)
    name = _named(task_instance) if claims else {}
    return [_known({**name, "state": state, **claim}) for claim in claims]


def _reported(reports: dict[_Part, _Amounts]) -> list[Record]:
    claims: list[Record] = []
    for (pipeline, stage), amounts in reports.items():
        rows, size = amounts.rows, amounts.bytes
        seconds = amounts.seconds if amounts.is_timed else None
        if max(rows or 0, size or 0) > _MAX_AMOUNT or (seconds or 0) > _MAX_SECONDS:
            _log.warning("report_rows: a stage is left out, for a sum that the exporter refuses")
        elif (rows, size) != (None, None):
            name = {"source": "explicit", "pipeline": pipeline, "stage": stage}
            claims.append({**name, "rows": rows, "bytes": size, "seconds": seconds})
    return claims


def _named(task_instance: TaskInstance) -> Record:
    """Return what names a try; raise _UnknownError where the exporter would refuse it."""
    ids = (task_instance.dag_id, task_instance.task_id)
    run_id = task_instance.run_id
    if not all(_ID.fullmatch(each) for each in ids) or not _TEXT.fullmatch(run_id):
        why = "an id has characters that the exporter refuses"
        raise _UnknownError(why)
    if max(map(len, (*ids, run_id))) > _MAX_ID:
        why = f"an id has more than {_MAX_ID} characters"
        raise _UnknownError(why)
    return {
        "dag_id": task_instance.dag_id,
        "task_id": task_instance.task_id,
        "run_id": run_id,
        "map_index": getattr(task_instance, "map_index", None),
        "try_number": task_instance.try_number,
    }


def _known(record: Record) -> Record:
    return {key: value for key, value in record.items() if value is not None}


def _bodies(records: list[Record]) -> Iterator[bytes]:
    """Yield bodies of all the records, none longer than the exporter takes."""
    body = b""
    for record in records:
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        if body and len(body) + len(text) + len(b"[,]") > _MAX_BODY:
            yield b"[%b]" % body
            body = b""
        body += b"," + text if body else text
    yield b"[%b]" % body


def _address() -> SplitResult | None:
    """Return the exporter's address; None and a warning where it is none to send to."""
    try:
        address = urlsplit(_setting("URL"))
        if address.scheme in {"http", "https"} and address.hostname and "@" not in address.netloc:
            _ = address.port  # raises for what is no number
            return address
    except ValueError:
        pass  # its text could hold a password
    _log.warning(
        "rows are not told: AIRFLOW_PERF_EXPORTER_URL must be an address such as "
        "http://exporter:10113, without a user"
    )
    return None


def _deliver(records: list[Record], deadline: float) -> None:
    """Post the records once, and wait for the answers no longer than until the deadline.

    In a thread that may be left behind: nothing else bounds the look-up of a name.
    """
    address = _address()
    if address is None:
        return
    bodies, answers = list(_bodies(records)), list[str]()

    def post() -> None:
        for body in bodies:
            if (seconds := deadline - monotonic()) <= 0:
                return
            try:
                answers.append(_answer(address, body, seconds))
            except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
                answers.append(type(error).__name__)  # its text could hold the token

    thread = Thread(target=post, name="airflow-perf-exporter", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - monotonic()))
    missing = ["no answer in time"] if len(answers) < len(bodies) else []
    for answer in dict.fromkeys(answers + missing):
        if not answer.startswith("2"):
            _log.warning("rows are not delivered to the exporter: %s", answer)


def _answer(address: SplitResult, body: bytes, seconds: float) -> str:
    """Return the status of the exporter's answer, and what is wrong where it says so."""
    connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=seconds)
    token = _token()
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        path = address.path if address.path.strip("/") else _ENDPOINT_PATH
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        said = response.read(_MAX_SAID) if response.status == HTTPStatus.BAD_REQUEST else b""
        return " ".join([str(response.status), *_line(said, token)])
    finally:
        connection.close()


def _line(said: bytes, token: str) -> list[str]:
    """Return one short line that cannot forge another, or show a secret; empty if it says none."""
    text = said.decode(errors="replace")
    if token:
        text = text.replace(token, "***")
    plain = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return [plain[:_MAX_SENTENCE]] if plain else []


def _token() -> str:
    file = _setting("TOKEN_FILE")
    return Path(file).read_text().strip() if file else _setting("TOKEN")


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
            _begin()
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
            _log.warning("rows of this try are not counted: %s", type(error).__name__)
        try:
            task_policy(task_instance.task)
        except Exception as error:  # noqa: BLE001
            _log.warning("containers of this try have no labels: %s", type(error).__name__)

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
        began = monotonic()
        try:
            allowance = _Allowance(began + _READING_SECONDS)
            if records := _records(task_instance, state, allowance):
                _deliver(records, began + _DEADLINE_SECONDS)
        except _UnknownError as why:
            _log.warning("rows of this try are unknown: %s", why)
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
