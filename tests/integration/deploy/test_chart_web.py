"""The chart with a web configuration: who asks shows what that demands, and probes get answers."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import yaml

from tests.integration.deploy.chart import CHART, OPERATOR, RELEASE, helm, rendered
from tests.integration.deploy.manifests import KUBERNETES, Document, documents, found, pod
from tests.integration.deploy.tools import kustomized, relative
from tests.integration.deploy.validity import VERSIONS, unknown_flags, validate
from tests.integration.web.world import CLIENT, LOGIN, World, guarded, mutual
from tests.support.exporter import ExporterProcess

__all__ = ["guarded", "mutual"]
SECRET = "airflow-perf-exporter-web"
CA = {"ca": {"secret": {"name": SECRET, "key": "ca.crt"}}, "serverName": RELEASE}
LOGIN_KEYS = {each: {"name": "login", "key": each} for each in ("username", "password")}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
FOLDER = "/etc/airflow-perf-exporter-web"
USUAL = "127.0.0.1:10112"


def values(**web: object) -> Document:
    """Return what has both roles, and monitors of them, with these values of `web`."""
    monitors = {"enabled": True, "tlsConfig": CA}
    return {"web": {"secrets": [SECRET], **web}, "monitors": monitors, "node": {"enabled": True}}


def container(made: list[Document], kind: str) -> Document:
    (one,) = pod(found(made, kind))["containers"]
    found_one: Document = one
    return found_one


def endpoint(made: list[Document], kind: str, name: str) -> Document:
    spec = found(made, kind, name)["spec"]
    (one,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    found_one: Document = one
    return found_one


@pytest.mark.parametrize(
    ("web", "version"),
    [({}, VERSIONS[0]), ({"knownClients": True, "secrets": ["1", "tls"]}, VERSIONS[1])],
)
def test_what_it_makes_is_valid(web: Document, version: str) -> None:
    for each in rendered(values(**web), "--kube-version", version, "--api-versions", OPERATOR):
        validate(each, version)


def test_without_secrets_nothing_of_it_is_there() -> None:
    made = rendered({"web": {"knownClients": True}, "monitors": {"enabled": True}})
    assert all(container(made, "StatefulSet")[each]["httpGet"] for each in PROBES)
    assert "scheme" not in endpoint(made, "ServiceMonitor", RELEASE)
    for each in ("HTTPS", "https", "web-config", FOLDER):
        assert each not in str(pod(found(made, "StatefulSet")))


def test_its_pods_and_monitors_are_those_of_kustomize(tmp_path: Path) -> None:
    resources = [KUBERNETES / "overlays" / "prometheus-operator", KUBERNETES / "node"]
    components = [KUBERNETES / "components" / "tls"]
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "resources": [relative(each, tmp_path) for each in resources],
                "components": [relative(each, tmp_path) for each in components],
            }
        )
    )
    made, built = rendered(values()), kustomized(tmp_path)
    for kind in ("StatefulSet", "DaemonSet"):
        assert pod(found(made, kind)) == pod(found(built, kind))
    for kind, name in (("ServiceMonitor", RELEASE), ("PodMonitor", f"{RELEASE}-node"),
                       ("PodMonitor", f"{RELEASE}-sidecar")):  # fmt: skip
        assert endpoint(made, kind, name) == endpoint(built, kind, name)


def test_secrets_are_put_side_by_side_for_the_pods_group_alone() -> None:
    made = rendered(values(secrets=["web", "4"]))
    for kind in ("StatefulSet", "DaemonSet"):
        (volume,) = (each for each in pod(found(made, kind))["volumes"] if each["name"] == "web")
        assert volume["projected"] == {
            "defaultMode": 0o440,
            "sources": [{"secret": {"name": "web"}}, {"secret": {"name": "4"}}],
        }
        one = container(made, kind)
        assert {"name": "web", "mountPath": FOLDER, "readOnly": True} in one["volumeMounts"]
        assert f"--web.config.file={FOLDER}/web-config.yml" in one["args"]
        assert not unknown_flags(one["args"])


def test_monitors_show_what_is_demanded_and_sidecars_have_a_door_of_their_own() -> None:
    given = values()
    given["monitors"]["basicAuth"] = LOGIN_KEYS
    made = rendered(given)
    for kind, name in (("ServiceMonitor", RELEASE), ("PodMonitor", f"{RELEASE}-node")):
        one = endpoint(made, kind, name)
        assert (one["scheme"], one["tlsConfig"], one["basicAuth"]) == ("https", CA, LOGIN_KEYS)
    assert not {"scheme", "tlsConfig"} & endpoint(made, "PodMonitor", f"{RELEASE}-sidecar").keys()
    assert endpoint(rendered(values(tls=False)), "ServiceMonitor", RELEASE)["scheme"] == "http"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"web": {"secrets": "web"}}, "web.secrets"),
        ({"web": {"secrets": [""]}}, "web.secrets.0"),
        ({"web": {"clients": True}}, "clients"),
        ({"monitors": {"tlsConfig": {"ca": {"secret": {"name": "a"}}}}}, "key is required"),
        # What is shown to nobody who asks for it is a mistake.
        ({"monitors": {"tlsConfig": CA}}, "monitors.tlsConfig"),
        ({"monitors": {"basicAuth": LOGIN_KEYS}}, "monitors.basicAuth"),
        ({"web": {"secrets": ["web"]}, "monitors": {"basicAuth": {"username": {}}}}, "password"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(given: Document, refused: str) -> None:
    with pytest.raises(AssertionError, match=refused):
        rendered(given)


def served(made: list[Document], world: World, **access: object) -> ExporterProcess:
    """Start the role node as it was rendered, but for what only a pod has."""
    (world.folder / "web-config.yml").write_text(world.file.read_text())
    args = [
        each.replace(FOLDER, str(world.folder)) for each in container(made, "DaemonSet")["args"]
    ]
    here = [each for each in args if each != "serve" and "kubernetes" not in each]
    here.append("--no-collector.containers")
    return ExporterProcess(world.folder, *here, **access)  # type: ignore[arg-type]


def probed(probe: Document, port: int) -> int:
    """Return the exit status of a probe's command beside an exporter on that port."""
    program, *arguments = probe["exec"]["command"]
    assert program == "python"
    here = [each.replace(USUAL, f"127.0.0.1:{port}") for each in arguments]
    return subprocess.run([sys.executable, *here], check=False, timeout=30).returncode


def test_the_kubelet_gets_answers_over_tls(guarded: World) -> None:
    text = guarded.file.read_text()
    guarded.file.write_text(text[: text.index("basic_auth_users")])
    made = rendered(values())
    # As the kubelet does: it verifies nobody.
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with served(made, guarded, tls=anybody) as daemon:
        daemon.wait_ready()
        for each in PROBES:
            asked = container(made, "DaemonSet")[each]["httpGet"]
            assert (asked["scheme"], asked["port"]) == ("HTTPS", "metrics")
            connection = HTTPSConnection("127.0.0.1", daemon.port, timeout=10, context=anybody)
            connection.request("GET", asked["path"])
            assert connection.getresponse().status == 200
            connection.close()


@pytest.mark.parametrize("example", ["guarded", "mutual"])
def test_a_pod_that_lets_in_known_clients_alone_asks_itself(
    example: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(example)
    made = rendered(values(knownClients=True))
    tls = world.trusting(world.authority.issue("prometheus", CLIENT))
    probes = [container(made, "DaemonSet")[each] for each in PROBES]
    with served(made, world, tls=tls, headers=LOGIN) as daemon:
        daemon.wait_ready()
        assert [probed(each, daemon.port) for each in probes] == [0, 0, 0]
        assert helm_tested(made, daemon.port) == 0
        assert daemon.terminate() == 0
        assert probed(probes[0], daemon.port) == 1


def helm_tested(made: list[Document], port: int) -> int:
    """Return the exit status of the chart's test against an exporter on that port."""
    (one,) = found(made, "Pod")["spec"]["containers"]
    script, url, _ = one["args"]
    assert url == f"https://{RELEASE}:10112/-/ready"
    command = [
        sys.executable,
        *one["command"][1:],
        script,
        f"https://127.0.0.1:{port}/-/ready",
        "1",
    ]
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode


def test_the_notes_say_which_secrets_it_waits_for(tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "chart")
    # Helm shows notes to who has a cluster alone.
    notes = (chart / "templates" / "NOTES.txt").read_text()
    shown = '{{- define "notes" }}' + notes + '{{ end }}notes: {{ include "notes" . | quote }}'
    (chart / "templates" / "notes.yaml").write_text(shown)

    def noted(given: Document) -> str:
        only = ("--show-only", "templates/notes.yaml")
        (made,) = documents(helm("template", RELEASE, chart, *only, values=given))
        text: str = made["notes"]
        return text

    told = noted(values(secrets=["web", "tls"], knownClients=True))
    assert "these secrets as well" in told
    assert "web, tls (web.secrets)" in told
    assert "this tells whether it answers:" in told
    assert "over https" in noted({**values(), "monitors": {}})
    plain = noted({})
    assert "Whoever reaches its port may read" in plain
    assert "this tells whether it samples:" in plain
