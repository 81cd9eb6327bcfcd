"""A PodList is read for pods and containers, and odd content is skipped."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.identity.pod import ContainerInfo, PodInfo
from exporter.identity.pod_list import pods_in

ID = "3f" * 32

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
ODD = st.dictionaries(st.sampled_from(["metadata", "spec", "status", "items"]), JSON)
ODD_POD = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"uid": st.just("u"), "labels": JSON, "annotations": JSON}
        ),
        "spec": st.fixed_dictionaries({"containers": st.lists(JSON)}),
        "status": st.fixed_dictionaries({"containerStatuses": st.lists(JSON)}),
    }
)


def listed(*items: object) -> bytes:
    return json.dumps({"kind": "PodList", "apiVersion": "v1", "items": items}).encode()


def pod(**status: object) -> dict[str, object]:
    annotations = {"dag_id": "etl", "manifest": "x" * 1000}
    metadata = {"namespace": "data", "name": "etl-load-1", "uid": "u-1"}
    return {
        "metadata": {**metadata, "labels": {"app": "airflow"}, "annotations": annotations},
        "spec": {"containers": [{"name": "base", "image": "airflow:3"}, {"name": "new"}]},
        "status": {"phase": "Running", **status},
    }


def test_pods_are_found_by_uid_and_containers_by_their_runtimes_id():
    body = listed(
        pod(
            containerStatuses=[
                {"name": "base", "containerID": f"containerd://{ID}", "image": "sha256:0123"},
                {"name": "other", "containerID": "docker://d1", "image": "busybox"},
                {"name": "new", "image": "busybox", "state": {"waiting": {}}},
            ],
            initContainerStatuses=[{"name": "init", "containerID": "cri-o://c1"}],
            ephemeralContainerStatuses=[{"name": "debug", "containerID": "cri-o://e1"}],
        )
    )
    found = pods_in(body)
    assert found.pods == {
        "u-1": PodInfo("data", "etl-load-1", "u-1", {"dag_id": "etl"}, {"app": "airflow"})
    }
    assert found.containers == {
        ID: ContainerInfo("u-1", "base", "airflow:3"),
        "d1": ContainerInfo("u-1", "other", "busybox"),
        "c1": ContainerInfo("u-1", "init"),
        "e1": ContainerInfo("u-1", "debug"),
    }


@pytest.mark.parametrize("body", [b'{"items": []}', b'{"items": null}'])
def test_a_node_without_pods_has_none(body):
    assert not pods_in(body).pods


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"items": {}}',
        b'{"kind": "Status", "message": "forbidden"}',
        b'{"items": [',
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"items": [' + b"9" * 5000 + b"]}",
    ],
)
def test_what_is_no_list_of_pods_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own texts differ by version
        pods_in(body)


def test_an_odd_pod_does_not_hide_the_others():
    body = listed(None, 5, {}, {"metadata": []}, {"metadata": {"uid": 7}}, pod())
    assert list(pods_in(body).pods) == ["u-1"]


@given(st.lists(ODD | ODD_POD | JSON))
def test_any_json_in_a_pods_place_is_read_without_an_error(items):
    pods_in(listed(*items))
