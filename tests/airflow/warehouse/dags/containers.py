"""DockerOperators that write down which labels their containers would have."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.providers.docker.operators.docker import DockerOperator
from parts import DAG, START


class Container(DockerOperator):
    """Starts nothing."""

    def execute(self, context):
        """Write down the labels."""
        path = Path(os.environ["TEST_TRUTHS"]) / f"labels-{self.task_id}-{os.getpid()}"
        path.write_text(json.dumps(self.labels))


with DAG("containers", schedule=None, start_date=START):
    Container(task_id="bare", image="none")
    Container(task_id="labelled", image="none", labels={"dag_id": "mine", "team": "a"})
    Container.partial(task_id="expanded", image="none").expand(command=["a"])
