"""A whole Airflow on the loopback: its components as child processes, and a hand to steer it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import psycopg

from tests.airflow.beside import PARALLELISM
from tests.airflow.environment import installed
from tests.airflow.executors import LOCAL, Executor
from tests.support.child import Child
from tests.support.ports import free_port

HERE = Path(__file__).parent
_COMPONENTS = {
    2: (("scheduler", "--skip-serve-logs"), ("triggerer", "--skip-serve-logs")),
    3: (
        ("api-server",),
        ("scheduler", "--skip-serve-logs"),
        ("dag-processor",),
        ("triggerer", "--skip-serve-logs"),
    ),
}
_JOBS = {
    2: ("SchedulerJob", "TriggererJob"),
    3: ("SchedulerJob", "TriggererJob", "DagProcessorJob"),
}
_POOLS = (
    ("narrow", "2", "two at a time"),
    ("crowd", "3", "deferred tasks keep their slot", "--include-deferred"),
    ("boundless", "-1", "no limit"),
)
_UNFINISHED = "SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running')"


@dataclass(frozen=True)
class Scenario:
    """The DAGs that a cluster runs, and what they need."""

    folder: Path
    dag_ids: frozenset[str]
    broken: bool = False
    """One of the files cannot be imported."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for every component and task."""


OUTCOMES = Scenario(
    HERE / "dags",
    frozenset({
        "outcomes", "good", "waits", "held", "often", "daily", "full", "sleeping", "burning",
    }),
    broken=True,
)  # fmt: skip


class Cluster:
    """The components of one version on one PostgreSQL database; a context that stops them."""

    def __init__(
        self,
        version: str,
        dsn: str,
        directory: Path,
        scenario: Scenario = OUTCOMES,
        executor: Executor = LOCAL,
    ) -> None:
        """Install the version if need be and migrate the database; nothing runs yet."""
        self.version = version
        self.major = int(version.partition(".")[0])
        self.dsn = dsn
        self._directory = directory
        self._scenario = scenario
        self._executor = executor
        self._release = directory / "release"
        self.truths = directory / "truths"
        """Where tasks write down what they have used."""
        self.truths.mkdir()
        self._binaries = installed(version) / "bin"
        self._port = free_port()
        self._environment = self._settings()
        self._children: dict[str, Child] = {}
        self._control: subprocess.Popen[str] | None = None
        self._run("db", "migrate")

    def __enter__(self) -> Cluster:
        """Return the cluster, not started."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop whatever runs; the logs of the components go with an error."""
        self.stop()
        if error is not None:
            error.add_note(self.logs())

    def start(self, timeout: float = 240) -> None:
        """Start every component; return when all beat and every DAG file was parsed."""
        for command in (*_COMPONENTS[self.major], *self._executor.components):
            self._children[command[0]] = Child.start(
                [self._binaries / "airflow", *command],
                log=self._directory / f"{command[0]}.log",
                environment=self._environment,
                stop=signal.SIGTERM,
            )
        self._steer()
        for pool in _POOLS:
            self._order("cli", "pools", "set", *pool)
        self.wait_until(self._healthy, "every component beats and every DAG is parsed", timeout)

    def stop(self) -> None:
        """End the components as an administrator does, then whatever they left behind."""
        if self._control is not None:
            control, self._control = self._control, None
            try:
                control.communicate(timeout=30)  # its input ends, and so does it
            except subprocess.TimeoutExpired:
                control.kill()
                control.communicate()
        for child in self._children.values():
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
        for child in self._children.values():
            with suppress(TimeoutError):
                child.wait(30)
        self._children.clear()
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def processes(self) -> list[psutil.Process]:
        """Return every process of this cluster: those that carry its AIRFLOW_HOME."""
        home = self._environment["AIRFLOW_HOME"]
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("AIRFLOW_HOME") == home:
                    found.append(process)
        return found

    def titles(self, component: str) -> list[str]:
        """Return the titles of the processes that a component has forked and that live."""
        forked = psutil.Process(self._children[component].pid).children()
        return [" ".join(each.cmdline()).strip() for each in forked]

    def logs(self) -> str:
        """Return the end of every component's log."""
        files = sorted(self._directory.glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text()[-2000:]}" for file in files)

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Make a manual run."""
        self._order("cli", "dags", "trigger", dag_id, "--run-id", run_id)

    def pause(self, dag_id: str) -> None:
        """Pause a DAG; its runs go on."""
        self._order("cli", "dags", "pause", dag_id)

    def clear(self, dag_id: str, run_id: str, *task_ids: str) -> None:
        """Clear tasks of a run, at once."""
        self._order("clear", dag_id, run_id, *task_ids)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Set the state of a task instance as a user."""
        self._order("mark", dag_id, run_id, task_id, state)

    def release(self) -> None:
        """Let every held task end."""
        self._release.touch()

    def finished(self) -> bool:
        """Tell whether no run is queued or running."""
        return self.query(_UNFINISHED) == [(0,)]

    def query(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Return the rows of a statement, in a transaction of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(statement, parameters or None).fetchall()  # type: ignore[arg-type]

    def wait_until(self, ready: Callable[[], bool], what: str, timeout: float) -> None:
        """Poll until `ready`; raise when a component ended or it takes too long."""
        deadline = monotonic() + timeout
        while not ready():
            for name, child in self._children.items():
                if child.exit_code is not None:
                    raise RuntimeError(f"{name} ended with {child.exit_code}")
            if monotonic() > deadline:
                raise TimeoutError(f"not within {timeout} s: {what}")
            sleep(0.3)

    def _healthy(self) -> bool:
        jobs = self.query("SELECT DISTINCT job_type FROM job WHERE state = 'running'")
        dags = self.query("SELECT dag_id FROM dag WHERE last_parsed_time IS NOT NULL")
        ((errors,),) = self.query("SELECT count(*) FROM import_error")
        return (
            {name for (name,) in jobs} >= set(_JOBS[self.major])
            and {name for (name,) in dags} >= self._scenario.dag_ids
            and bool(errors) is self._scenario.broken
            and (self.major == 2 or self._api_answers())
        )

    def _api_answers(self) -> bool:
        with suppress(URLError, OSError):
            urlopen(f"http://127.0.0.1:{self._port}/api/v2/version", timeout=5).close()
            return True
        return False

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / "airflow", *arguments],
            check=False,
            env=self._environment,
            cwd=self._directory,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"airflow {' '.join(arguments)}: {done.stderr[-4000:]}")

    def _steer(self) -> None:
        with (self._directory / "control.log").open("a") as log:
            self._control = subprocess.Popen(
                [self._binaries / "python", HERE / "control.py"],
                env=self._environment,
                cwd=self._directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def _order(self, *order: str) -> None:
        if self._control is None:
            raise RuntimeError("the cluster is stopped")
        self._control.stdin.write(json.dumps(order) + "\n")  # type: ignore[union-attr]
        self._control.stdin.flush()  # type: ignore[union-attr]
        # Airflow may print something of its own there while it is imported.
        lines: Iterable[str] = self._control.stdout  # type: ignore[assignment]
        reply = next((line for line in lines if line.startswith(("DONE", "FAILED"))), "no reply")
        if reply.strip() != "DONE":
            raise RuntimeError(f"{order}: {reply}")

    def _settings(self) -> dict[str, str]:
        secret = urlsafe_b64encode(b"for tests only: 32 bytes of key.").decode()
        settings = {
            "CORE__DAGS_FOLDER": str(self._scenario.folder),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAG_DISCOVERY_SAFE_MODE": "False",
            "CORE__DAGBAG_IMPORT_TIMEOUT": "300",  # of a loaded machine
            "CORE__EXECUTOR": self._executor.name,
            "CORE__PARALLELISM": PARALLELISM,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__FERNET_KEY": secret,
            "DATABASE__SQL_ALCHEMY_CONN": self.dsn.replace("postgresql:", "postgresql+psycopg2:"),
            "SCHEDULER__PARSING_PROCESSES": "1",
            "SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "15",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
            "WEBSERVER__SECRET_KEY": secret,
            **self._executor.settings,
        }
        if self.major >= 3:
            server = f"http://127.0.0.1:{self._port}"
            settings |= {
                "API__HOST": "127.0.0.1",
                "API__PORT": str(self._port),
                "API__WORKERS": "1",
                "API__BASE_URL": server,
                "API__SECRET_KEY": secret,
                "API_AUTH__JWT_SECRET": secret,
                "CORE__EXECUTION_API_SERVER_URL": f"{server}/execution/",
                "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "DAG_PROCESSOR__PARSING_PROCESSES": "1",
                "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
                # On a loaded machine the first answers take longer than a task is ready to wait.
                "WORKERS__EXECUTION_API_TIMEOUT": "60",
            }
        home = self._directory / "home"
        home.mkdir()
        return {
            "PATH": f"{self._binaries}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(HERE / "dags"),  # the triggerer imports our trigger from the parts
            "PYTHONDONTWRITEBYTECODE": "1",
            "AIRFLOW_HOME": str(home),
            "TEST_RELEASE_FILE": str(self._release),
            "TEST_TRUTHS": str(self.truths),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            **self._scenario.environment,
        }
