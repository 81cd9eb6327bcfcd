"""The demo keeps a small Airflow alive: every outcome, every metric, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import pytest
import structlog.testing
from click.testing import CliRunner

from exporter import catalogue, dsn
from exporter.cli import main
from exporter.clock import Clock
from exporter.collectors.airflow.collector import AirflowCollector, Options
from exporter.collectors.airflow.database import Database
from exporter.demo.dags import DAGS, QUEUE_SLOTS
from exporter.demo.database import path
from exporter.demo.installation import Demo
from exporter.errors import ConfigError
from exporter.history.reader import History

from .processes import children, command_line, in_group, open_files, wait_until

PACE = 8.0
MOST_SECONDS = 40.0
# And restarting, which passes too quickly to be waited for.
LIVE = {
    "scheduled", "queued", "running", "deferred", "up_for_retry", "up_for_reschedule",
    "awaiting_input",
}  # fmt: skip
OUTCOMES = {"success", "failed", "up_for_retry", "skipped"}
# Scaling and baselines depend on what the user configures.
AIRFLOW = {
    each.name
    for each in catalogue.FAMILIES
    if re.match("airflow_(?!worker|baseline|perf_exporter)", each.name)
    and each.collector == "airflow"
}
TITLE = re.compile(rb"airflow worker -- ([0-9a-f-]{36})\0")
LOG = re.compile(
    r".*/logs/dag_id=(.+)/run_id=(.+)/task_id=(.+?)(?:/map_index=(\d+))?/attempt=(\d+).log"
)


@dataclass
class Seen:
    """What an exporter and a look at the processes have shown while the demo ran."""

    directory: Path
    executor: int = 0
    values: dict[str, set[float]] = field(default_factory=lambda: defaultdict(set))
    states: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    unmatched: list[object] = field(default_factory=list)
    """Task processes whose log file was not that of the row with the id of their title."""
    matched: set[bool] = field(default_factory=set)
    """Whether mapped and unmapped tasks were seen with the right log file."""
    waited: set[str] = field(default_factory=set)
    """Queues in which a task waited while all workers were busy."""

    def enough(self) -> bool:
        """Tell whether everything that is asked for was there."""
        return (
            self.outcomes.keys() >= OUTCOMES
            and self.states.keys() >= LIVE
            and self.values.keys() >= AIRFLOW
            and self.matched == {True, False}
            and self.values["airflow_deadlines_missed"] > {0.0}
            and self.archived() >= {"failed", "success"}
            and self.waited == QUEUE_SLOTS.keys()
        )

    def archived(self) -> set[str]:
        """Return the states of the tries in the history."""
        found = rows(self.directory, "SELECT DISTINCT state FROM task_instance_history")
        return {state for (state,) in found}

    def sample(self, collector: AirflowCollector) -> None:
        """Take in what one sample brings."""
        batch = collector.sample()
        collector.accepted()
        samples = [each for gauges in batch.gauges.values() for each in gauges]
        for each in [*samples, *batch.increments]:
            self.values[each.family.name].add(each.value)
            if each.family is catalogue.TASK_INSTANCE_STATE and each.value:
                self.states[each.labels[0]] += 1
            if each.family is catalogue.TASK_FINISHED:
                self.outcomes[each.labels[-1]] += 1

    def look(self) -> None:
        """Look at the queues, and hold the task processes against the rows their titles name."""
        for queue, running, queued in rows(
            self.directory,
            "SELECT queue, sum(state = 'running'), sum(state = 'queued') FROM task_instance"
            " WHERE queued_by_job_id IS NOT NULL GROUP BY queue",
        ):
            if queued and running >= QUEUE_SLOTS[queue]:
                self.waited.add(queue)
        for supervisor in children(self.executor):
            for pid in children(supervisor):
                title = TITLE.fullmatch(command_line(pid))
                if title is not None:
                    self._match(pid, title[1].decode().replace("-", ""))

    def _match(self, pid: int, try_id: str) -> None:
        row = rows(
            self.directory,
            "SELECT dag_id, run_id, task_id, map_index, try_number FROM task_instance"
            " WHERE id = ? AND pid = ? AND state = 'running'",
            try_id, pid,
        )  # fmt: skip
        try:
            files = open_files(pid)
        except (FileNotFoundError, ProcessLookupError):
            return
        logs = [found.groups() for each in files if (found := LOG.fullmatch(each))]
        # A process that is ending has a title still, and no files any more.
        if row and files:
            dag_id, run_id, task_id, map_index, try_number = row[0]
            index = str(map_index) if map_index >= 0 else None
            if logs == [(dag_id, run_id, task_id, index, str(try_number))]:
                self.matched.add(map_index >= 0)
            else:
                self.unmatched.append((row, logs))


def rows(directory: Path, statement: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{directory}/airflow.db?mode=ro", uri=True)) as connection:
        return connection.execute(statement, values).fetchall()


def exporter_of(demo: Demo) -> AirflowCollector:
    address = dsn.parsed(demo.dsn, "the demo")
    options = Options(facts_interval_seconds=0.2, team=re.compile("team:(.*)"))
    return AirflowCollector(Database(lambda: address, 5.0), options, {}, Clock())


def executor_of(pid: int) -> int:
    """Return the executor that a process has started, once it has its title."""

    def titled() -> list[int]:
        return [each for each in children(pid) if command_line(each) == b"airflow scheduler\0"]

    wait_until(titled, 20.0)
    (executor,) = titled()
    return executor


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Seen:
    """Run the demo until everything was seen, and stop it."""
    demo = Demo(tmp_path_factory.mktemp("demo"), pace=PACE)
    demo.start()
    try:
        found = Seen(Path(demo.dsn.removeprefix("sqlite:///")).parent)
        found.executor = executor_of(os.getpid())
        collector = exporter_of(demo)
        deadline = monotonic() + MOST_SECONDS
        while not found.enough() and monotonic() < deadline:
            found.sample(collector)
            found.look()
            sleep(0.02)
        assert demo.running
    finally:
        demo.stop(2.0)
    return found


def test_tries_end_in_every_way(seen):
    assert seen.outcomes.keys() == OUTCOMES


def test_task_instances_pass_through_every_live_state(seen):
    assert seen.states.keys() >= LIVE


def test_tasks_wait_in_every_queue_while_its_workers_are_busy(seen):
    assert seen.waited == QUEUE_SLOTS.keys()


@pytest.mark.parametrize("family", sorted(AIRFLOW))
def test_every_airflow_family_has_a_value(seen, family):
    assert seen.values[family]


def test_a_task_process_names_its_row_by_title_and_log_file(seen):
    assert seen.unmatched == []
    assert seen.matched == {True, False}


def test_the_history_holds_failed_tries_and_cleared_ones(seen):
    assert seen.archived() == {"failed", "success"} | (seen.archived() & {"skipped"})


def test_rows_that_ran_have_a_heartbeat_and_empty_operators_have_no_pid(seen):
    ran = "start_date IS NOT NULL AND pid IS NOT NULL"
    assert not rows(
        seen.directory,
        f"SELECT * FROM task_instance WHERE {ran} AND last_heartbeat_at IS NULL",
    )
    assert rows(
        seen.directory,
        "SELECT DISTINCT pid FROM task_instance WHERE operator = 'EmptyOperator'",
    ) == [(None,)]  # fmt: skip


def test_its_past_has_critical_paths(seen):
    database = Database(lambda: dsn.parsed(f"sqlite:///{path(seen.directory)}", "test"), 30.0)
    try:
        edges = History(database, None, 30.0).edges([dag.dag_id for dag in DAGS])
    finally:
        database.close()
    assert edges == {
        dag.dag_id: {task.task_id: [*task.upstream] for task in dag.tasks} for dag in DAGS
    }


def test_its_report_knows_the_critical_paths_of_runs(seen):
    variables = {"AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": f"sqlite:///{path(seen.directory)}"}
    told = CliRunner(env=variables).invoke(main, ["report", "--format", "json"])
    found = {row["critical_path"] for row in json.loads(told.stdout)["sections"]["dags"]["rows"]}
    assert found
    assert None not in found


def test_stopping_leaves_no_process_and_no_thread(seen):
    assert in_group(seen.executor) == []
    assert "demo" not in {thread.name for thread in threading.enumerate()}
    assert not rows(seen.directory, "SELECT * FROM job WHERE state = 'running'")


def test_a_kept_directory_goes_on_where_it_stopped(seen):
    """What ran at the stop has lost its scheduler, so it is archived and begun anew."""
    ran = rows(
        seen.directory, "SELECT id FROM task_instance WHERE state = 'running' AND pid != 4242"
    )
    runs = rows(seen.directory, "SELECT count(*) FROM dag_run")[0][0]
    demo = Demo(seen.directory, pace=PACE)
    demo.start()
    try:
        for (try_id,) in ran:
            archived = "SELECT state FROM task_instance_history WHERE task_instance_id = ?"
            assert rows(seen.directory, archived, try_id) == [("failed",)]
        wait_until(lambda: rows(seen.directory, "SELECT count(*) FROM dag_run")[0][0] > runs)
        assert demo.running
    finally:
        demo.stop(2.0)


def test_a_second_demo_in_the_same_directory_is_refused(tmp_path):
    demo = Demo(tmp_path)
    demo.start()
    try:
        with pytest.raises(ConfigError, match="another demo runs"):
            Demo(tmp_path).start()
    finally:
        demo.stop(2.0)
    demo.stop(2.0)


def test_a_failure_of_the_workload_is_logged_and_ends_its_processes(tmp_path):
    demo = Demo(tmp_path, pace=PACE)
    with structlog.testing.capture_logs() as logs:
        demo.start()
        executor = executor_of(os.getpid())
        os.kill(executor, signal.SIGKILL)
        wait_until(lambda: not demo.running)
        demo.stop(1.0)
    (failure,) = [each for each in logs if each["event"] == "demo.failed"]
    assert failure["log_level"] == "error"
    assert failure["exc_info"]
    wait_until(lambda: in_group(executor) == [])


_PROGRAM = """
import sys
from pathlib import Path
from threading import Event
from exporter.demo.installation import Demo
Demo(Path(sys.argv[1]), pace=8.0).start()
print("started", flush=True)
Event().wait()
"""


def test_a_killed_demo_leaves_no_process(tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)], stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    with program:
        try:
            executor = executor_of(program.pid)
            wait_until(lambda: any(children(each) for each in children(executor)), 20.0)
        finally:
            program.kill()
    wait_until(lambda: in_group(executor) == [])
