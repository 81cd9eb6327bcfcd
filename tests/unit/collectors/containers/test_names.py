"""Whose a container is: who is asked, in which order, and when nobody is waited for any more."""

from __future__ import annotations

import re
from threading import Event, Semaphore, Timer
from types import SimpleNamespace

import pytest

from exporter.collectors.containers.engine_messages import EngineContainer
from exporter.collectors.containers.identity import Naming
from exporter.collectors.containers.names import SETTLE_SECONDS, Names
from exporter.filters import DagFilter
from exporter.identity.downward import DownwardVolume
from exporter.identity.labels import LabelKeys
from exporter.identity.pod import ContainerInfo, PodInfo
from exporter.identity.safe_names import SafeNames, safe_label_value
from exporter.kernel.layout import Place

ID = "ab" * 32
UID = "0a1b2c3d-0000-4000-8000-0123456789ab"
LONG = "a_very_long_dag_id_" * 5


def member(pod_uid=None, since=0.0):
    place = Place(ID, pod_uid, "docker", f"/docker/{ID}", "/docker")
    return SimpleNamespace(
        place=place, since=since, identity=None, made_wall=5.0, ended_at=None, told=None, dags=None
    )


ALL_DAGS = DagFilter()


def naming(known=(), dags=ALL_DAGS, **keys):
    return Naming(LabelKeys(**keys), SafeNames(lambda: known), lambda: dags)


def engine(*containers):
    by_id = {each.id: each for each in containers}
    return SimpleNamespace(containers=by_id, trouble=None, start=lambda: None, stop=lambda: None)


def told(name="etl", **labels):
    return EngineContainer(ID, name, "image:1", labels)


def pods(container="base", **pod):
    info = PodInfo("airflow", "task-pod", UID, **pod)
    containers = {ID: ContainerInfo(UID, container, "image:2")} if container else {}
    return SimpleNamespace(pods={UID: info}, containers=containers, refresh=lambda: None)


def test_on_plain_docker_a_container_goes_by_its_name_and_labels():
    names = Names(naming(), engine=engine(told(dag_id="d", task_id="t")))
    identity = names.identity(member(), 0.0)
    assert identity.labels == (None, None, "etl", "d", "t")
    assert identity.info == (None, None, "etl", ID, "etl", "image:1", "d", "t")


def test_other_label_keys_can_be_configured():
    keys = {"dag_id": ("com.example.dag", "dag_id"), "task_id": ("com.example.task",)}
    labels = {"com.example.dag": "d", "com.example.task": "t"}
    names = Names(naming(**keys), engine=engine(told(**labels)))
    assert names.identity(member(), 0.0).labels[-2:] == ("d", "t")


def test_docker_below_kubernetes_tells_pod_and_namespace():
    labels = {
        "io.kubernetes.pod.namespace": "airflow",
        "io.kubernetes.pod.name": "worker-0",
        "io.kubernetes.container.name": "worker",
    }
    identity = Names(naming(), engine=engine(told("k8s_worker_0", **labels))).identity(member(), 0)
    assert identity.labels == ("airflow", "worker-0", "worker", None, None)


def test_a_rename_is_followed():
    followed = engine(told("before"))
    names = Names(naming(), engine=followed)
    subject = member()
    assert names.identity(subject, 0.0).container == "before"
    followed.containers[ID] = told("after")
    assert names.identity(subject, 1.0).container == "after"


def test_a_pods_annotations_are_exact():
    asked = pods(annotations={"dag_id": LONG, "task_id": "t"}, labels={"dag_id": "x-123456789"})
    identity = Names(naming(), pods=asked).identity(member(UID), 0.0)
    assert identity.labels == ("airflow", "task-pod", "base", LONG, "t")
    assert identity.image == "image:2"


def test_shortened_labels_wait_for_the_database_to_resolve_them():
    known = []
    labels = {"dag_id": safe_label_value(LONG), "task_id": "t"}
    names = Names(naming(known), pods=pods(labels=labels))
    subject = member(UID)
    assert names.identity(subject, 1.0) is None
    resolved = [(LONG, "t")]
    names._naming = naming(resolved)
    assert names.identity(subject, 2.0).labels[-2:] == (LONG, "t")


def test_labels_that_nobody_resolves_are_left_out_after_a_while():
    labels = {"dag_id": safe_label_value(LONG), "task_id": "t"}
    names = Names(naming(), pods=pods(labels=labels))
    subject = member(UID)
    assert names.identity(subject, SETTLE_SECONDS - 0.1) is None
    assert names.identity(subject, SETTLE_SECONDS).labels[-2:] == (None, None)


@pytest.mark.parametrize("asked", [{"engine": engine()}, {"pods": pods(None)}])
def test_a_container_that_nobody_knows_waits_and_then_goes_by_its_short_id(asked):
    names = Names(naming(), **asked)
    subject = member(UID)
    assert names.identity(subject, SETTLE_SECONDS - 0.1) is None
    assert names.identity(subject, SETTLE_SECONDS).labels == (None, UID, ID[:12], None, None)


def test_a_container_that_the_last_list_lacks_has_the_pods_listed_again_at_once():
    listed = Semaphore(0)
    asked = pods(None)
    asked.refresh = listed.release
    names = Names(naming(), pods=asked)
    names.start()
    try:
        assert listed.acquire(timeout=5)
        assert names.identity(member(UID), 1.0) is None
        assert listed.acquire(timeout=5)
        assert names.identity(member(UID), SETTLE_SECONDS) is not None
        assert not listed.acquire(timeout=0.1)
    finally:
        names.stop()


def test_a_start_waits_for_the_first_list_and_until_then_says_so():
    answers = Event()
    asked = pods()
    asked.refresh = answers.wait
    names = Names(naming(), pods=asked)
    assert names.trouble.endswith("has not answered yet")
    Timer(0.05, answers.set).start()
    names.start()
    try:
        assert names.trouble is None
    finally:
        names.stop()


def test_one_that_has_ended_waits_for_nobody():
    subject = member()
    subject.ended_at = 1.0
    assert Names(naming(), engine=engine()).identity(subject, 1.0).container == ID[:12]


def test_with_nobody_to_ask_there_is_nothing_to_wait_for():
    assert Names(naming()).identity(member(), 0.0).container == ID[:12]


def test_the_name_told_at_the_start_stays_after_the_end():
    names = Names(naming(), engine=engine())
    subject = member()
    names.introduce(subject, told(dag_id="d", task_id="t"))
    subject.ended_at = 1.0
    assert names.identity(subject, 2.0).labels == (None, None, "etl", "d", "t")


def test_a_filtered_dag_is_not_told():
    hidden = naming(dags=DagFilter(exclude=re.compile("d")))
    names = Names(hidden, engine=engine(told(dag_id="d", task_id="t")))
    assert names.identity(member(), 0.0).labels == (None, None, "etl", None, None)


def test_a_filter_that_changes_is_followed():
    filters = [DagFilter(), DagFilter(exclude=re.compile("d"))]
    known = Naming(LabelKeys(), SafeNames(lambda: ()), lambda: filters[0])
    names = Names(known, engine=engine(told(dag_id="d", task_id="t")))
    subject = member()
    assert names.identity(subject, 0.0).dag_id == "d"
    assert names.identity(subject, 1.0) is names.identity(subject, 2.0)
    del filters[0]
    assert names.identity(subject, 3.0).dag_id is None


def test_beside_us_in_a_pod_the_downward_api_tells(tmp_path):
    (tmp_path / "annotations").write_text('dag_id="d"\ntask_id="t"\n')
    environ = {"POD_NAME": "task-pod", "POD_NAMESPACE": "airflow"}
    names = Names(naming(), own_pod=DownwardVolume(tmp_path, environ))
    assert names.identity(member(), 0.0).labels == ("airflow", "task-pod", ID[:12], "d", "t")
    assert names.trouble is None


def test_a_volume_that_is_missing_is_trouble(tmp_path):
    names = Names(naming(), own_pod=DownwardVolume(tmp_path / "none", {}))
    assert names.identity(member(), 0.0).container == ID[:12]
    assert "none" in names.trouble
