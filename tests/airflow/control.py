"""An operator's hand on one Airflow: runs in that Airflow's environment, one JSON line an order.

One process for all orders, because importing Airflow takes seconds. Every order does what the
command line or the page of that version does, through the same functions of Airflow. It prints
one line for each order: DONE, or FAILED and the error.
"""

from __future__ import annotations

import json
import sys
import traceback

from airflow.cli import cli_parser
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

try:
    from airflow.models.dagbag import DBDagBag
except ImportError:  # Airflow 2
    from airflow.models.dagbag import DagBag

    DBDagBag = None


def cli(*arguments):
    """Run a command of `airflow`."""
    parsed = cli_parser.get_parser().parse_args(arguments)
    parsed.func(parsed)


def clear(dag_id, run_id, *task_ids):
    """Clear tasks of a run at once, as the button does: a run that had ended is queued again."""
    with create_session() as session:
        of_run = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id)
        clear_task_instances(of_run.filter(TaskInstance.task_id.in_(task_ids)).all(), session)


def mark(dag_id, run_id, task_id, state):
    """Set the state of a task instance, as the button does."""
    with create_session() as session:
        _dag(dag_id, session).set_task_instance_state(
            task_id=task_id, run_id=run_id, state=TaskInstanceState(state), session=session
        )


def _dag(dag_id, session):
    if DBDagBag is None:
        return DagBag(read_dags_from_db=True).get_dag(dag_id, session=session)
    return DBDagBag().get_latest_version_of_dag(dag_id, session=session)


ORDERS = {"cli": cli, "clear": clear, "mark": mark}


def main():
    """Carry out the orders of standard input until it ends."""
    replies = sys.stdout
    sys.stdout = sys.stderr  # what Airflow prints is for the log
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            ORDERS[name](*arguments)
            reply = "DONE"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the test decides what it means
            traceback.print_exc()
            reply = f"FAILED {error!r}"
        print(reply, file=replies, flush=True)


if __name__ == "__main__":
    main()
