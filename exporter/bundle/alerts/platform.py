"""Alerts of the platform: scheduler and other components, queues, pools, triggers, clocks."""

from __future__ import annotations

from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Alert, Runbook, Severity
from exporter.bundle.promql import REPLICA, once, selector

_OVERVIEW: Final = "airflow-exporter-overview"
_HEALTH: Final = "airflow-exporter-health"
_SCHEDULER: Final = selector(catalogue.COMPONENT_HEARTBEAT, component="scheduler")
_OTHERS: Final = selector(catalogue.COMPONENT_INSTANCES, 'component!="scheduler"')
_QUEUED, _RUNNING = (
    once(selector(catalogue.TASK_INSTANCE_STATE, state=state)) for state in ("queued", "running")
)
_WAITING, _OPEN = (
    once(selector(catalogue.POOL_SLOTS, state=state)) for state in ("scheduled", "open")
)

ALERTS: Final = (
    Alert(
        "AirflowTasksStuckQueued",
        f"{_QUEUED} > 0\nand ignoring (state) {_RUNNING} == 0",
        "15m",
        Severity.CRITICAL,
        "Task instances are queued and none runs.",
        "{{ $value }} task instances of {{ $labels.airflow }} have been queued for 15 minutes "
        "while none ran.",
        _OVERVIEW,
        ("airflow",),
        Runbook(
            "Task instances were handed to the executor and nothing takes them up.",
            "No DAG gets on.",
            "Which queues wait, and whether workers are there at all.",
            f"{catalogue.TASK_QUEUE_SIZE.name} > 0",
            "Look at the workers and the broker between: start workers for these queues, restart "
            "those that hang, make the broker answer. With the KubernetesExecutor look at pods "
            "that are pending.",
        ),
    ),
    Alert(
        "AirflowTaskQueueBacklog",
        f"{once(catalogue.TASK_QUEUE_SIZE.name)} > $queued_tasks",
        "15m",
        Severity.WARNING,
        "A queue has a backlog.",
        "{{ $value }} task instances wait in the queue {{ $labels.queue }} of "
        "{{ $labels.airflow }}.",
        _OVERVIEW,
        ("airflow",),
        Runbook(
            "More is queued than workers take up, for a quarter of an hour.",
            "Tasks start late, and DAGs end late.",
            "How many workers the queue needs, and how long the oldest has waited.",
            catalogue.WORKERS_DESIRED.name,
            "Add workers to the queue, or let the autoscaler have a higher maximum. If the workers "
            "have free slots, the executor's parallelism holds them back.",
        ),
    ),
    Alert(
        "AirflowTaskQueueWaitLong",
        f"{once(catalogue.QUEUE_OLDEST_WAIT.name)} > $queue_wait_seconds",
        "5m",
        Severity.WARNING,
        "A task instance has waited long for a worker.",
        "The oldest task instance in the queue {{ $labels.queue }} of {{ $labels.airflow }} has "
        "waited for {{ $value | humanizeDuration }}.",
        _OVERVIEW,
        ("airflow",),
        Runbook(
            "However few are queued, the oldest does not get a worker.",
            "Its DAG is late.",
            "Whether the queue has workers: what it needs beside what one worker takes.",
            catalogue.WORKERS_DESIRED_SLOTS.name,
            "Look whether any worker listens to this queue; then as for a backlog. A single task "
            "instance that waits while others pass may name a queue that nobody serves.",
        ),
    ),
    Alert(
        "AirflowPoolExhausted",
        f"{_WAITING} > 0\nand ignoring (state) {_OPEN} <= 0",
        "15m",
        Severity.WARNING,
        "A pool is full and task instances wait for it.",
        "{{ $value }} slots are waited for in the pool {{ $labels.pool }} of "
        "{{ $labels.airflow }}, and none has been open for 15 minutes.",
        _OVERVIEW,
        ("airflow",),
        Runbook(
            "Every slot of the pool is taken, and scheduled task instances wait for one.",
            "Tasks of this pool start late, however many workers there are.",
            "What the slots are used for.",
            catalogue.POOL_SLOTS.name,
            "If what the pool protects can bear more, give it more slots; else move tasks to other "
            "times. Deferred tasks hold slots only if the pool includes them.",
        ),
    ),
    Alert(
        "AirflowSchedulerHeartbeatStale",
        f"time() - max without (hostname, {REPLICA}) ({_SCHEDULER}) > $heartbeat_seconds",
        "5m",
        Severity.CRITICAL,
        "No scheduler has sent a heartbeat.",
        "The last heartbeat of a scheduler of {{ $labels.airflow }} was "
        "{{ $value | humanizeDuration }} ago.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "Every scheduler has stopped, hangs, or cannot reach the metadata database.",
            "No run is created and no task is queued; what runs goes on.",
            "Since when, and on which host the last one was.",
            f"time() - {_SCHEDULER}",
            "Read the scheduler's log, restart it, and look at the database's connections and "
            "locks. A scheduler that is alive and does not send: its loop hangs in a slow query.",
        ),
    ),
    Alert(
        "AirflowComponentDown",
        f"{once(_OTHERS)} == 0\nand on (airflow, component) {catalogue.COMPONENT_HEARTBEAT.name}",
        "5m",
        Severity.CRITICAL,
        "No instance of a component is alive.",
        "No {{ $labels.component }} of {{ $labels.airflow }} is alive, and there was one.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "A component that this installation had, a triggerer or a DAG processor, is gone. "
            "Schedulers have an alert of their own.",
            "Without a triggerer deferred tasks wait for ever; without a DAG processor changes of "
            "DAGs are not seen.",
            "How many are alive.",
            catalogue.COMPONENT_INSTANCES.name,
            "Start it again and read its log. If it was removed on purpose, delete its last row "
            "from Airflow's table of jobs (`airflow db clean` does).",
        ),
    ),
    Alert(
        "AirflowTaskHeartbeatStale",
        f"{once(catalogue.TASK_HEARTBEAT_STALE.name)} > $stale_tries",
        "10m",
        Severity.WARNING,
        "Running tries have lost their heartbeat.",
        "{{ $value }} tries of {{ $labels.airflow }} are running and have not told so for longer "
        "than Airflow tolerates.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "Their workers have died, or cannot reach the database or API; the scheduler, which "
            "should have failed these tries by now, has not.",
            "The tries hold slots and do nothing; the DAGs wait for them.",
            "Which tasks run longest.",
            f"topk(10, {catalogue.TASK_OLDEST_RUNNING.name})",
            "Look for workers that were killed, and at the scheduler's log. Clear the task "
            "instances if the scheduler does not.",
        ),
    ),
    Alert(
        "AirflowTriggersUnassigned",
        f"{once(catalogue.TRIGGERS_UNASSIGNED.name)} > $triggers_unassigned",
        "10m",
        Severity.WARNING,
        "Triggers are not taken up by any triggerer.",
        "{{ $value }} triggers of {{ $labels.airflow }} have no triggerer.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "Deferred tasks wait for triggers that nobody runs: there is no triggerer, or those "
            "there are full.",
            "The deferred tasks do not get on.",
            "How many triggers there are, and how many triggerers.",
            selector(catalogue.COMPONENT_INSTANCES, component="triggerer"),
            "Start a triggerer, or raise the capacity of those that run.",
        ),
    ),
    Alert(
        "AirflowClockSkew",
        f"{once(catalogue.METADATA_CLOCK_SKEW.name)} > $clock_skew_seconds",
        "15m",
        Severity.WARNING,
        "A component's clock is not the database's.",
        "The clock of a {{ $labels.component }} of {{ $labels.airflow }} is "
        "{{ $value | humanizeDuration }} ahead of the database's.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "Heartbeats are written with a time that the database has not reached yet.",
            "Durations and delays are wrong by as much, and dead tasks are found late.",
            "Which component it is.",
            catalogue.METADATA_CLOCK_SKEW.name,
            "Make the hosts of the component and of the database keep their time by NTP.",
        ),
    ),
    Alert(
        "AirflowDagImportErrors",
        f"{once(catalogue.DAG_IMPORT_ERRORS.name)} > $import_errors",
        "15m",
        Severity.WARNING,
        "DAG files fail to import.",
        "{{ $value }} DAG files of {{ $labels.airflow }} fail to import.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "The DAG processor cannot load these files.",
            "Their DAGs stay as they were, or are gone.",
            "Since when, beside the last deployment.",
            catalogue.DAG_IMPORT_ERRORS.name,
            "Airflow's first page lists the errors: correct the files, or take the deployment "
            "back.",
        ),
    ),
)
