"""A sidecar in a pod of one task: its try's totals reach another exporter, or hold nothing up."""

from __future__ import annotations

import json

import pytest

from tests.integration.identity.stub import Stub, answers, hangs, says
from tests.integration.roles.pod import ANNOTATIONS, Pod
from tests.support.exporter import ExporterProcess
from tests.support.ports import free_port

PATIENCE_SECONDS = 60
END_SECONDS = 4
"""From SIGTERM to the end: 2 s are meant, the machine may be busy. One attempt may take 5 s."""


@pytest.fixture
def pod(tmp_path):
    pod = Pod(tmp_path)
    yield pod
    pod.close()


@pytest.fixture
def sidecar(tmp_path, pod):
    """Yield how to start the exporter of the pod; it must end as it should."""
    started = []

    def start(url):
        started.append(
            ExporterProcess(
                tmp_path, "--no-collector.airflow", "--no-collector.containers",
                "--path.procfs", str(pod.procfs), "--kubernetes.pod-info", str(pod.podinfo),
                "--forward.url", url,
            )
        )  # fmt: skip
        started[-1].wait_ready()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        assert "Traceback" not in process.log()


def running(process):
    process.wait_for('task_running_instances{dag_id="sales",task_id="load.orders"} 1')


def test_the_totals_arrive_once_when_the_task_ends(pod, sidecar):
    with Stub(answers(204)) as stub:
        process = sidecar(stub.url)
        pod.run("burn", 1.5)
        (seen,) = stub.wait_seen(1, PATIENCE_SECONDS)
        assert process.terminate(END_SECONDS) == 0
    assert seen.line == "POST /ingest/v1/tries HTTP/1.1"
    body = json.loads(seen.body)
    assert (body["dag_id"], body["task_id"]) == ("sales", "load.orders")
    assert (body["run_id"], body["map_index"], body["try_number"]) == ("manual__2026-01-01", -1, 2)
    assert body["cpu_seconds"] == pytest.approx(1.5, abs=0.3)
    assert body["peak_memory_bytes"] > 1 << 20
    assert body["source"] == "sidecar"
    assert len(stub.seen) == 1


def test_what_has_been_used_arrives_when_the_sidecar_is_told_to_stop(pod, sidecar):
    with Stub(answers(204)) as stub:
        process = sidecar(stub.url)
        pod.run("burn", 30)
        running(process)
        assert process.terminate(END_SECONDS) == 0
        (seen,) = stub.wait_seen(1)
    assert json.loads(seen.body)["cpu_seconds"] > 0


def test_a_receiver_that_is_away_for_a_moment_gets_them_at_the_end(pod, sidecar):
    with Stub(answers(429), answers(503), answers(204)) as stub:
        process = sidecar(stub.url)
        pod.run("rest", 60)
        running(process)
        assert process.terminate(END_SECONDS) == 0
        assert len({seen.body for seen in stub.wait_seen(3)}) == 1
    assert "left_over" not in process.log()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (None, "forward.failing"),
        (hangs, "forward.left_over"),
        (says(*[b"H"] * 99, every_seconds=0.1), "forward.left_over"),
        (answers(429), "forward.failing"),
        (answers(400), "forward.refused"),
    ],
    ids=["dead", "stalls", "trickles", "busy", "refuses"],
)
def test_a_receiver_that_takes_nothing_does_not_hold_the_pod_up(pod, sidecar, behaviour, said):
    with Stub(behaviour or hangs) as stub:
        process = sidecar(stub.url if behaviour else f"http://127.0.0.1:{free_port()}")
        pod.run("rest", 60)
        running(process)
        assert process.terminate(END_SECONDS) == 0
    assert said in process.log()


def test_what_the_annotations_lack_is_told_by_the_log_file(pod, sidecar):
    ids = {key: ANNOTATIONS[key] for key in ("dag_id", "task_id")}
    pod.annotate(ids)
    with Stub(answers(204)) as stub:
        sidecar(stub.url)
        pod.run("rest", 2)
        (seen,) = stub.wait_seen(1, PATIENCE_SECONDS)
    body = json.loads(seen.body)
    assert (body["run_id"], body["map_index"], body["try_number"]) == ("by log", -1, 7)
