"""What every family of the `airflow` collector should say, from the rows that Airflow wrote.

Written from the contract (docs/metrics and Airflow's own meaning of its rows), by full scans and
without a line of the exporter: it is the oracle of the test.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.airflow.history import History, Row, Tables, unix

Labels = frozenset[tuple[str, str]]
Samples = dict[tuple[str, Labels], float]
"""(sample name, labels) -> value, as `ExporterProcess.families` has them."""

LIVE = (
    *("scheduled", "queued", "running", "restarting"),
    *("deferred", "up_for_retry", "up_for_reschedule"),
)
_DURATIONS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_WAITS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_RUNS = (10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
_DELAYS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600)
_COMPONENTS = {
    "SchedulerJob": "scheduler",
    "TriggererJob": "triggerer",
    "DagProcessorJob": "dag_processor",
}
_ALIVE_SECONDS = 30
_STALE_SECONDS = 300


@dataclass(frozen=True)
class Try:
    """One finished try and the outcome that its counter's label tells."""

    row: Row
    outcome: str


# Gauges: functions of the tables at one moment.


def states(now: Tables) -> Samples:
    """Task instances by live state; each state, 0 included."""
    counts = Counter(row["state"] for row in now["task_instance"])
    name = "airflow_task_instance_state"
    return {_key(name, state=state): float(counts[state]) for state in LIVE}


def dag_states(now: Tables) -> Samples:
    """Task instances by DAG and live state."""
    return _counted(
        _key("airflow_dag_task_instances", dag_id=row["dag_id"], state=row["state"])
        for row in _live(now)
    )


def oldest_running(now: Tables) -> Samples:
    """Age of each task's oldest running try."""
    return _largest(
        (
            _key("airflow_task_oldest_running_seconds", dag_id=r["dag_id"], task_id=r["task_id"]),
            now.moment - _unix(r, "start_date"),
        )
        for r in now["task_instance"]
        if r["state"] == "running"
    )


def oldest_running_run(now: Tables) -> Samples:
    """Age of each DAG's oldest running run."""
    return _largest(
        (
            _key("airflow_dag_run_oldest_running_seconds", dag_id=row["dag_id"]),
            now.moment - _unix(row, "start_date"),
        )
        for row in now["dag_run"]
        if row["state"] == "running"
    )


def stale_heartbeats(now: Tables) -> Samples:
    """Running tries that have been silent for too long."""
    beats = {row["id"]: unix(row, "latest_heartbeat") for row in now["job"]}
    stale = 0
    for row in now["task_instance"]:
        beat = unix(row, "last_heartbeat_at") or beats.get(row.get("job_id"))
        silent = now.moment - (beat or _unix(row, "start_date") if row["start_date"] else 0)
        stale += row["state"] == "running" and silent > _STALE_SECONDS
    return {_key("airflow_task_instances_heartbeat_stale"): float(stale)}


def queue_sizes(now: Tables) -> Samples:
    """Task instances queued, by queue; the default queue always."""
    sizes = _counted(_key("airflow_task_queue_size", queue=r["queue"]) for r in _queued(now))
    return {_key("airflow_task_queue_size", queue="default"): 0.0, **sizes}


def oldest_waits(now: Tables) -> Samples:
    """Age of each queue's oldest queued task instance."""
    name = "airflow_queue_oldest_wait_seconds"
    waits = _largest(
        (_key(name, queue=row["queue"]), now.moment - _unix(row, "queued_dttm"))
        for row in _queued(now)
    )
    return {_key(name, queue="default"): 0.0, **waits}


def pool_slots(now: Tables) -> Samples:
    """Slots of each pool by their use; open as Airflow's scheduler has it."""
    used: Counter[tuple[str, str]] = Counter()
    for row in _live(now):
        used[row["pool"], row["state"]] += row["pool_slots"]
    samples = {}
    for row in now["slot_pool"]:
        pool = row["pool"]
        taken = ["running", "queued", *(["deferred"] if row["include_deferred"] else [])]
        free = _slots(row) - sum(used[pool, state] for state in taken)
        samples[_key("airflow_pool_slots", pool=pool, state="open")] = free
        for state in ("running", "queued", "scheduled", "deferred"):
            count = float(used[pool, state])
            samples[_key("airflow_pool_slots", pool=pool, state=state)] = count
    return samples


def pool_sizes(now: Tables) -> Samples:
    """Size of each pool."""
    return {
        _key("airflow_pool_size_slots", pool=row["pool"]): _slots(row) for row in now["slot_pool"]
    }


def runs(now: Tables) -> Samples:
    """DAG runs queued and running."""
    counts = Counter(row["state"] for row in now["dag_run"])
    return {
        _key("airflow_dag_runs", state=state): float(counts[state])
        for state in ("queued", "running")
    }


def active_runs(now: Tables) -> Samples:
    """Queued and running runs by DAG: what the scheduler holds against the DAG's maximum."""
    return _counted(
        _key("airflow_dag_active_runs", dag_id=row["dag_id"])
        for row in now["dag_run"]
        if row["state"] in {"queued", "running"}
    )


def last_finishes(now: Tables) -> Samples:
    """When each DAG last ended a run."""
    return _last_ends(now, "airflow_dag_last_finish_timestamp_seconds", {"success", "failed"})


def last_successes(now: Tables) -> Samples:
    """When each DAG last ended a run with success."""
    return _last_ends(now, "airflow_dag_last_success_timestamp_seconds", {"success"})


def dag_infos(now: Tables) -> Samples:
    """Owners as Airflow has them, tags in order between commas; no team is configured."""
    tags = defaultdict(list)
    for row in now["dag_tag"]:
        tags[row["dag_id"]].append(row["name"])
    samples = {}
    for row in _dags(now):
        labels = {"dag_id": row["dag_id"], "owners": row["owners"]}
        if names := tags[row["dag_id"]]:
            labels["tags"] = f",{','.join(sorted(names))},"
        samples[_key("airflow_dag_info", **labels)] = 1.0
    return samples


def dags(now: Tables) -> Samples:
    """DAGs by whether they are paused."""
    counts = Counter("paused" if row["is_paused"] else "active" for row in _dags(now))
    return {
        _key("airflow_dags", state=state): float(counts[state]) for state in ("active", "paused")
    }


def intervals(now: Tables) -> Samples:
    """Length of each DAG's next data interval, where it has one."""
    samples = {}
    for row in _dags(now):
        start = unix(row, "next_dagrun_data_interval_start")
        end = unix(row, "next_dagrun_data_interval_end")
        if start is not None and end is not None and end > start:
            key = _key("airflow_dag_schedule_interval_seconds", dag_id=row["dag_id"])
            samples[key] = end - start
    return samples


def next_runs(now: Tables) -> Samples:
    """When each DAG's next run is due, unless as many are active as may be.

    Up to Airflow 3.1 the time is emptied then; later versions keep it and set a flag.
    """
    name = "airflow_dag_next_run_timestamp_seconds"
    samples = {}
    for row in _dags(now):
        due = unix(row, "next_dagrun_create_after")
        if due is not None and not row.get("exceeds_max_non_backfill"):
            samples[_key(name, dag_id=row["dag_id"])] = due
    return samples


def component_heartbeats(now: Tables) -> Samples:
    """Heartbeat of each component: the newest, and every living one's."""
    name = "airflow_component_heartbeat_timestamp_seconds"
    beats: dict[str, list[Row]] = defaultdict(list)
    for row in now["job"]:
        if row["job_type"] in _COMPONENTS:
            beats[_COMPONENTS[row["job_type"]]].append(row)
    return _largest(
        (_key(name, component=component, hostname=row["hostname"]), _unix(row, "latest_heartbeat"))
        for component, rows in beats.items()
        for row in rows
        if row == max(rows, key=lambda each: each["latest_heartbeat"]) or _alive(row, now)
    )


def component_instances(now: Tables) -> Samples:
    """Living instances of each component, 0 included."""
    alive = Counter(row["job_type"] for row in now["job"] if _alive(row, now))
    return {
        _key("airflow_component_instances", component=component): float(alive[job])
        for job, component in _COMPONENTS.items()
    }


def clock_skews(now: Tables) -> Samples:
    """Nothing to see: all clocks of this test are one."""
    there = {_COMPONENTS.get(row["job_type"]) for row in now["job"]} - {None}
    return {
        _key("airflow_metadata_clock_skew_seconds", component=str(component)): 0.0
        for component in there
    }


def metadata_info(now: Tables, version: str) -> Samples:
    """Kind of the database, version and revision."""
    labels = {
        "backend": "postgresql",
        "version": ".".join(version.split(".")[:2]),
        "revision": now["alembic_version"][0]["version_num"],
    }
    return {_key("airflow_metadata_info", **labels): 1.0}


def deadlines_missed(now: Tables) -> Samples:
    """Missed deadlines, where the schema tells: from Airflow 3.2 on."""
    if "deadline" not in now.rows or (not now.has("deadline", "missed") and now["deadline"]):
        return {}
    missed = sum(row["missed"] for row in now["deadline"])
    return {_key("airflow_deadlines_missed"): float(missed)}


def _of_dags(name: str, column: str) -> Callable[[Tables], Samples]:
    def value(row: Row) -> float | None:
        found = row.get(column)
        return unix(row, column) if isinstance(found, str) else found

    return lambda now: {
        _key(name, dag_id=row["dag_id"]): float(found)
        for row in _dags(now)
        if (found := value(row)) is not None
    }


def _count_of(name: str, table: str, where: Callable[[Row], bool]) -> Callable[[Tables], Samples]:
    return lambda now: {_key(name): float(sum(where(row) for row in now[table]))}


ACTIVE: dict[str, Callable[[Tables], Samples]] = {
    "airflow_task_instance_state": states,
    "airflow_dag_task_instances": dag_states,
    "airflow_task_oldest_running_seconds": oldest_running,
    "airflow_dag_run_oldest_running_seconds": oldest_running_run,
    "airflow_task_instances_heartbeat_stale": stale_heartbeats,
    "airflow_task_queue_size": queue_sizes,
    "airflow_queue_oldest_wait_seconds": oldest_waits,
    "airflow_pool_slots": pool_slots,
    "airflow_dag_runs": runs,
    "airflow_dag_active_runs": active_runs,
    "airflow_dag_last_success_timestamp_seconds": last_successes,
    "airflow_dag_last_finish_timestamp_seconds": last_finishes,
}
"""Gauges of what is active: every sample reads them."""

FACTS: dict[str, Callable[[Tables], Samples]] = {
    "airflow_pool_size_slots": pool_sizes,
    "airflow_dag_info": dag_infos,
    "airflow_dag_paused": _of_dags("airflow_dag_paused", "is_paused"),
    "airflow_dag_max_active_runs": _of_dags("airflow_dag_max_active_runs", "max_active_runs"),
    "airflow_dag_next_run_timestamp_seconds": next_runs,
    "airflow_dag_schedule_interval_seconds": intervals,
    "airflow_dag_last_parsed_timestamp_seconds": _of_dags(
        "airflow_dag_last_parsed_timestamp_seconds", "last_parsed_time"
    ),
    "airflow_dag_parse_duration_seconds": _of_dags(
        "airflow_dag_parse_duration_seconds", "last_parse_duration"
    ),
    "airflow_dags": dags,
    "airflow_dag_import_errors": _count_of(
        "airflow_dag_import_errors", "import_error", lambda row: True
    ),
    "airflow_triggers": _count_of("airflow_triggers", "trigger", lambda row: True),
    "airflow_triggers_unassigned": _count_of(
        "airflow_triggers_unassigned", "trigger", lambda row: row["triggerer_id"] is None
    ),
    "airflow_deadlines_missed": deadlines_missed,
    "airflow_component_heartbeat_timestamp_seconds": component_heartbeats,
    "airflow_component_instances": component_instances,
    "airflow_metadata_clock_skew_seconds": clock_skews,
}
"""Gauges of what changes slowly: read once in the facts' interval."""

INFO = "airflow_metadata_info"

AGES = frozenset(
    {
        "airflow_task_oldest_running_seconds",
        "airflow_dag_run_oldest_running_seconds",
        "airflow_queue_oldest_wait_seconds",
    }
)
"""Gauges that grow by themselves between two changes of the tables."""

LASTING = frozenset(
    {"airflow_dag_last_success_timestamp_seconds", "airflow_dag_last_finish_timestamp_seconds"}
)
"""Gauges that keep what the tables forget when a run is cleared."""


# Counters and histograms: functions of all that happened.


def finished_tries(history: History, end: Tables) -> list[Try]:
    """Return every try that really ran and has ended, each once, as it was when it ended.

    A row that was cleared keeps the start, the end and the pid of the try before, so that two
    rows with one start are one try. The worker of a running try that a user marks may rewrite
    the end some seconds later: the first one counts.
    """
    seen: set[tuple[object, ...]] = set()
    tries = []
    first: dict[tuple[object, ...], Row] = {}
    for event in history.events:
        if event.table == "task_instance" and event.after and _has_ended(event.after):
            first.setdefault(_identity(event.after), event.after)
    for archived, name in ((True, "task_instance_history"), (False, "task_instance")):
        for row in end[name]:
            if not _has_ended(row):
                continue
            key = _identity(row)
            if key not in seen:
                seen.add(key)
                tries.append(Try(first.get(key, row), _outcome(row, archived)))
    return tries


def _has_ended(row: Row) -> bool:
    # Airflow 2 writes that a task was skipped before it writes when.
    ended = row["state"] in {"success", "failed", "skipped"} and row["start_date"]
    return bool(ended and row["end_date"] and row["pid"])


def _identity(row: Row) -> tuple[object, ...]:
    return tuple(row[c] for c in ("dag_id", "task_id", "run_id", "map_index", "start_date"))


def _outcome(row: Row, archived: bool) -> str:
    # The history also has a failed try that was the last one, when it was cleared later.
    retried = archived and row["state"] == "failed" and row["try_number"] <= row["max_tries"]
    return "up_for_retry" if retried else str(row["state"])


def task_durations(tries: list[Try]) -> Samples:
    """Durations as Airflow stores them."""
    return _histogram(
        "airflow_task_duration_seconds",
        _DURATIONS,
        ((_try_labels(each.row), each.row["duration"]) for each in tries),
    )


def task_finishes(tries: list[Try]) -> Samples:
    """Tries by outcome."""
    return _counted(
        _key("airflow_task_finished_total", **_try_labels(each.row), state=each.outcome)
        for each in tries
    )


def wasted_seconds(tries: list[Try]) -> Samples:
    """Seconds of the tries that failed, whether another one followed or not."""
    samples: Samples = defaultdict(float)
    for each in tries:
        if each.row["state"] == "failed":
            labels = {"dag_id": each.row["dag_id"], "task_id": each.row["task_id"]}
            key = _key("airflow_task_wasted_seconds_total", **labels)
            samples[key] += each.row["duration"]
    return samples


def queue_waits(tries: list[Try]) -> Samples:
    """Queued to started; a task that was resumed was queued after it started: no wait."""
    return _histogram(
        "airflow_task_queue_wait_seconds",
        _WAITS,
        (
            (
                {"queue": each.row["queue"], "pool": each.row["pool"]},
                _between(each.row, "queued_dttm", "start_date"),
            )
            for each in tries
        ),
    )


def schedule_delays(tries: list[Try]) -> Samples:
    """Scheduled to queued, which Airflow 3 tells."""
    return _histogram(
        "airflow_task_schedule_delay_seconds",
        _WAITS,
        (
            ({"queue": each.row["queue"]}, _between(each.row, "scheduled_dttm", "queued_dttm"))
            for each in tries
        ),
    )


def run_finishes(ends: list[Row]) -> Samples:
    """Runs by how they ended, each time they did."""
    return _counted(
        _key(
            "airflow_dag_run_finished_total",
            dag_id=row["dag_id"],
            run_type=row["run_type"],
            state=row["state"],
        )
        for row in ends
    )


def run_durations(ends: list[Row]) -> Samples:
    """Start to end of every run, each time it ended."""
    return _histogram(
        "airflow_dag_run_duration_seconds",
        _RUNS,
        (
            (
                {"dag_id": row["dag_id"], "state": row["state"]},
                _between(row, "start_date", "end_date"),
            )
            for row in ends
        ),
    )


def run_start_delays(ends: list[Row]) -> Samples:
    """Due to first start of every scheduled run; Airflow 2 is due at its interval's end."""
    return _histogram(
        "airflow_dag_run_start_delay_seconds",
        _DELAYS,
        (
            (
                {"dag_id": row["dag_id"]},
                _between(
                    row, "run_after" if "run_after" in row else "data_interval_end", "start_date"
                ),
            )
            for row in ends
            if row["run_type"] == "scheduled" and row["clear_number"] == 0
        ),
    )


OF_TRIES: dict[str, Callable[[list[Try]], Samples]] = {
    "airflow_task_duration_seconds": task_durations,
    "airflow_task_finished_total": task_finishes,
    "airflow_task_wasted_seconds_total": wasted_seconds,
    "airflow_task_queue_wait_seconds": queue_waits,
    "airflow_task_schedule_delay_seconds": schedule_delays,
}
OF_RUNS: dict[str, Callable[[list[Row]], Samples]] = {
    "airflow_dag_run_finished_total": run_finishes,
    "airflow_dag_run_duration_seconds": run_durations,
    "airflow_dag_run_start_delay_seconds": run_start_delays,
}
FAMILIES = frozenset({*ACTIVE, *FACTS, INFO, *OF_TRIES, *OF_RUNS})
"""Every family that has a truth here."""


def totals(history: History, end: Tables) -> dict[str, Samples]:
    """Return by family what the counters and histograms must have come to."""
    tries = finished_tries(history, end)
    ends = list(history.changes("dag_run", "state", {"success", "failed"}))
    return {
        **{name: of(tries) for name, of in OF_TRIES.items()},
        **{name: of(ends) for name, of in OF_RUNS.items()},
    }


def gauges(now: Tables, version: str) -> dict[str, Samples]:
    """Return by family what the gauges must be."""
    return {
        **{name: of(now) for name, of in {**ACTIVE, **FACTS}.items()},
        INFO: metadata_info(now, version),
    }


# Parts.


def _key(name: str, **labels: str) -> tuple[str, Labels]:
    return name, frozenset(labels.items())


def _unix(row: Row, column: str) -> float:
    moment = unix(row, column)
    if moment is None:
        raise ValueError(f"{column} is empty: {row}")
    return moment


def _between(row: Row, first: str, second: str) -> float | None:
    start, end = unix(row, first), unix(row, second)
    return None if start is None or end is None else end - start


def _live(now: Tables) -> Iterator[Row]:
    return (row for row in now["task_instance"] if row["state"] in LIVE)


def _queued(now: Tables) -> Iterator[Row]:
    return (row for row in now["task_instance"] if row["state"] == "queued")


def _dags(now: Tables) -> Iterator[Row]:
    return (row for row in now["dag"] if not row.get("is_stale") and row.get("is_active", True))


def _slots(pool: Row) -> float:
    return math.inf if pool["slots"] < 0 else float(pool["slots"])


def _alive(job: Row, now: Tables) -> bool:
    beat = unix(job, "latest_heartbeat")
    fresh = beat is not None and now.moment - beat <= _ALIVE_SECONDS
    return fresh and job["state"] == "running" and job["job_type"] in _COMPONENTS


def _last_ends(now: Tables, name: str, ended: set[str]) -> Samples:
    return _largest(
        (_key(name, dag_id=row["dag_id"]), _unix(row, "end_date"))
        for row in now["dag_run"]
        if row["state"] in ended and row["end_date"]
    )


def _try_labels(row: Row) -> dict[str, str]:
    named = {"dag_id": row["dag_id"], "task_id": row["task_id"]}
    return {**named, "operator_type": row["operator"]}


def _counted(keys: Iterable[tuple[str, Labels]]) -> Samples:
    return {key: float(count) for key, count in Counter(keys).items()}


def _largest(values: Iterable[tuple[tuple[str, Labels], float]]) -> Samples:
    samples: Samples = {}
    for key, value in values:
        samples[key] = max(value, samples.get(key, value))
    return samples


def _histogram(
    name: str, bounds: tuple[float, ...], observed: Iterable[tuple[dict[str, str], float | None]]
) -> Samples:
    """Return the samples of a histogram; what is None or negative was not observed."""
    samples: Samples = defaultdict(float)
    for labels, value in observed:
        if value is None or value < 0:
            continue
        samples[_key(f"{name}_count", **labels)] += 1
        samples[_key(f"{name}_sum", **labels)] += value
        for bound in (*map(float, bounds), math.inf):
            le = "+Inf" if bound == math.inf else repr(bound)
            samples[_key(f"{name}_bucket", **labels, le=le)] += value <= bound
    return samples
