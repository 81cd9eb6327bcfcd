"""Every path, and what it answers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import replace
from hashlib import sha256

import pytest

from exporter.errors import ConfigError
from exporter.telemetry.forms import Form
from exporter.telemetry.openmetrics import OPENMETRICS
from exporter.telemetry.protobuf import PROTOBUF
from exporter.telemetry.recent import CURVES
from exporter.telemetry.scrape import Blocks
from exporter.telemetry.text import TEXT
from exporter.web.messages import Pending, Request, Response
from exporter.web.pages import CollectorStatus
from exporter.web.routes import Routes
from exporter.web.tasks.answers import TasksPage
from tests.unit.web.conftest import Connect, Serve

BLOCKS = (b"# HELP up Up.\n", b"up 1\n")

ROUTES = Routes(
    scrape=lambda form, names: BLOCKS,
    healthy=lambda: None,
    ready=lambda: None,
    collectors=lambda: [CollectorStatus("airflow", True, 2.0, 0.01, None)],
    version="1.2.3",
)


def answer(routes: Routes, path: str) -> Response:
    """Return what is answered at a path."""
    return routes(Request("GET", path, "", {}))


@pytest.mark.parametrize("path", ["/metrics", "/", "/elsewhere/metrics"])
def test_metrics_are_served_where_they_were_put(path: str) -> None:
    response = answer(replace(ROUTES, telemetry_path=path), path)
    assert response.status == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers == (("Vary", "Accept, Accept-Encoding"),)
    assert b"".join(response.body) == b"# HELP up Up.\nup 1\n"
    assert response.path_class == "/metrics"


def test_the_page_of_tasks_is_served_and_linked_only_where_it_is_on() -> None:
    page = TasksPage(lambda: None, lambda: dict.fromkeys(CURVES, ()), lambda dag_id, task_id: None)
    on = replace(ROUTES, tasks=page)
    response = answer(on, "/tasks")
    assert (response.status, response.path_class) == (200, "/tasks")
    assert b'href="./tasks"' in b"".join(answer(on, "/").body)
    assert answer(ROUTES, "/tasks").status == answer(ROUTES, "/tasks.json").status == 404
    assert b'href="./tasks"' not in b"".join(answer(ROUTES, "/").body)


def test_the_blocks_that_are_ready_are_passed_on_as_they_are() -> None:
    assert answer(ROUTES, "/metrics").body is BLOCKS


def test_what_is_asked_for_reaches_the_exposition() -> None:
    asked: list[tuple[Form, list[str]]] = []

    def scrape(form: Form, names: Collection[str]) -> Blocks:
        asked.append((form, list(names)))
        return BLOCKS

    routes = replace(ROUTES, scrape=scrape)
    headers = {"accept-encoding": "gzip", "accept": "text/plain"}
    response = routes(Request("GET", "/metrics", "name[]=up&name%5B%5D=a%20b&other=1", headers))
    assert asked == [(Form(TEXT, packed=True), ["up", "a b"])]
    assert ("Content-Encoding", "gzip") in response.headers


def test_a_form_that_is_not_ready_is_answered_later() -> None:
    later: Future[Blocks] = Future()
    pending = answer(replace(ROUTES, scrape=lambda form, names: later), "/metrics")
    assert not pending.done()
    later.set_result(BLOCKS)
    assert (pending.result(0).status, pending.result(0).body) == (200, BLOCKS)


def test_a_late_request_gets_the_best_form_that_is_ready() -> None:
    asked: list[Form] = []
    ready: set[Form] = set()

    def scrape(form: Form, _: Collection[str]) -> Blocks | Future[Blocks]:
        asked.append(form)
        return BLOCKS if form in ready else Future()

    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    routes = replace(ROUTES, scrape=scrape, ready_forms=lambda: ready)
    late = Request("GET", "/metrics", "", {"accept": accept}, late=True)
    assert isinstance(routes(late), Future), "there is nothing yet"
    ready |= {Form(TEXT), Form(TEXT, packed=True), Form(PROTOBUF)}
    assert routes(late).content_type.startswith("text/plain; version=0.0.4")
    assert isinstance(routes(replace(late, late=False)), Future)
    ready.add(Form(OPENMETRICS))
    assert routes(late).content_type.startswith("application/openmetrics-text; version=1.0.0")
    best = Form(OPENMETRICS)
    assert asked == [best, Form(TEXT), best, best]


@pytest.mark.parametrize("path", ["/", "/tasks"])
def test_a_page_may_have_its_own_style_and_nothing_else(path: str) -> None:
    page = TasksPage(lambda: None, lambda: dict.fromkeys(CURVES, ()), lambda *_: None)
    response = answer(replace(ROUTES, tasks=page), path)
    html = b"".join(response.body)
    style = html.partition(b"<style>")[2].partition(b"</style>")[0]
    digest = b64encode(sha256(style).digest()).decode()
    policy = dict(response.headers)["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith(f"; style-src 'sha256-{digest}'")
    assert b"style=" not in html


def test_the_landing_page_is_html_that_is_not_kept() -> None:
    response = answer(ROUTES, "/")
    assert (response.status, response.path_class) == (200, "/")
    assert response.content_type == "text/html; charset=utf-8"
    assert ("Cache-Control", "no-store") in response.headers
    assert b"1.2.3" in response.body[0]


@pytest.mark.parametrize(
    ("path", "path_class", "text"),
    [
        ("/-/healthy", "/-/healthy", b"Healthy.\n"),
        ("/healthz", "/-/healthy", b"Healthy.\n"),
        ("/-/ready", "/-/ready", b"Ready.\n"),
        ("/readyz", "/-/ready", b"Ready.\n"),
    ],
)
def test_probes_tell_what_is_wrong(path: str, path_class: str, text: bytes) -> None:
    well = answer(ROUTES, path)
    assert (well.status, well.body, well.path_class, well.vital) == (200, (text,), path_class, True)
    sick = replace(ROUTES, healthy=lambda: "It hangs.", ready=lambda: "It hangs.")
    ill = answer(sick, path)
    assert (ill.status, ill.body, ill.path_class) == (503, (b"It hangs.\n",), path_class)


@pytest.mark.parametrize("path", ["/metrics/", "/favicon.ico", "*", "", "/-/", "/METRICS"])
def test_other_paths_get_404_and_the_way(path: str) -> None:
    response = answer(ROUTES, path)
    assert (response.status, response.path_class) == (404, "other")
    assert response.body == (b"Nothing is served here; metrics are at /metrics.\n",)


@pytest.mark.parametrize(
    "path", ["metrics", "", "//x", "/a b", "/a?b", "/healthz", "/-/ready", "/-/reload"]
)
def test_a_telemetry_path_that_cannot_be_served_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="telemetry path"):
        replace(ROUTES, telemetry_path=path)


def reload(routes: Routes, method: str = "POST") -> Response | Pending:
    return routes(Request(method, "/-/reload", "", {}))


def test_a_reload_is_answered_when_it_is_done() -> None:
    asked: Future[bool] = Future()
    pending = reload(replace(ROUTES, reload=lambda: asked))
    assert isinstance(pending, Future)
    assert not pending.done()
    asked.set_result(True)
    assert (pending.result(0).status, pending.result(0).path_class) == (200, "/-/reload")


def test_a_reload_of_settings_that_cannot_be_used_is_told() -> None:
    asked: Future[bool] = Future()
    asked.set_result(False)
    pending = reload(replace(ROUTES, reload=lambda: asked), "PUT")
    assert isinstance(pending, Future)
    assert pending.result(0).status == 500


def test_nobody_reloads_unless_it_is_enabled_and_never_by_a_link() -> None:
    refused = reload(ROUTES)
    assert isinstance(refused, Response)
    assert refused.status == 403
    by_link = reload(replace(ROUTES, reload=Future), "GET")
    assert isinstance(by_link, Response)
    assert (by_link.status, by_link.headers) == (405, (("Allow", "POST, PUT"),))


def test_every_answer_is_counted_by_a_bounded_path(serve: Serve, connect: Connect) -> None:
    seen: list[tuple[str, int]] = []
    client = connect(serve(ROUTES, on_response=lambda *kind: seen.append(kind)))
    found = ("/metrics", "/", "/-/healthy", "/-/ready")
    for path in (*found, "/whatever"):
        for method in ("GET", "HEAD"):
            client.ask(path, method=method)
            client.answer(to_head=method == "HEAD")
    client.ask("/metrics", method="POST")
    client.answer()
    counted = [(path, 200) for path in found for _ in "gh"]
    assert seen == [*counted, ("other", 404), ("other", 404), ("other", 405)]


def test_a_scrape_over_the_wire_has_the_exact_type_and_length(
    serve: Serve, connect: Connect
) -> None:
    client = connect(serve(ROUTES))
    client.ask("/metrics?name[]=up")
    got = client.answer()
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert got.headers["vary"] == "Accept, Accept-Encoding"
    assert got.headers["content-length"] == str(len(got.body))


def test_a_probe_that_raises_is_a_500_and_the_server_lives(serve: Serve, connect: Connect) -> None:
    def raising() -> str | None:
        raise LookupError

    client = connect(serve(replace(ROUTES, healthy=raising)))
    client.ask("/healthz")
    assert client.answer().status == 500
    client.ask("/readyz")
    assert client.answer().status == 200
