"""The paths that are served, and what each of them answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from exporter.errors import ConfigError
from exporter.telemetry.forms import Form
from exporter.telemetry.scrape import Blocks
from exporter.web import messages
from exporter.web.html import html
from exporter.web.messages import Pending, Request, Response, not_allowed, sentence
from exporter.web.negotiation import Choice, choices
from exporter.web.pages import STYLE, CollectorStatus, FamilyStatus, Status, landing
from exporter.web.tasks.answers import PATHS, TasksPage

METHODS = ("GET", "HEAD")
_HEALTHY_PATHS = (messages.HEALTHY, "/healthz")
_READY_PATHS = (messages.READY, "/readyz")
_TAKEN = (*_HEALTHY_PATHS, *_READY_PATHS, messages.RELOAD, *PATHS)


@dataclass(frozen=True)
class Routes:
    """Answer each path from what is ready; `healthy` and `ready` return None or what is wrong."""

    scrape: Callable[[Form, Collection[str]], Blocks | Future[Blocks]]
    healthy: Callable[[], str | None]
    ready: Callable[[], str | None]
    collectors: Callable[[], Sequence[CollectorStatus]]
    version: str
    families: Callable[[], Sequence[FamilyStatus]] = tuple
    ready_forms: Callable[[], Collection[Form]] = tuple
    """The forms that are answered without a wait."""
    telemetry_path: str = "/metrics"
    tasks: TasksPage | None = None
    """What runs here; None where that is switched off."""
    reload: Callable[[], Future[bool]] | None = None
    """Reads the settings again and tells whether they were good; None where nobody may ask."""

    def __post_init__(self) -> None:
        """Raise ConfigError for a telemetry path that could never be served."""
        require_free(self.telemetry_path)

    def __call__(self, request: Request) -> Response | Pending:
        """Return the answer to a request."""
        if request.path == messages.RELOAD:
            return self._reload(request)
        return not_allowed(request, METHODS) or self._read(request)

    def _read(self, request: Request) -> Response | Pending:
        path = request.path
        if path == self.telemetry_path:
            return self._metrics(request)
        if path == "/":
            return self._landing()
        if path in _HEALTHY_PATHS:
            return _verdict(self.healthy(), "Healthy.", messages.HEALTHY)
        if path in _READY_PATHS:
            return _verdict(self.ready(), "Ready.", messages.READY)
        if self.tasks is not None and path in PATHS:
            return self.tasks(request)
        return sentence(404, f"Nothing is served here; metrics are at {self.telemetry_path}.")

    def _metrics(self, request: Request) -> Response | Pending:
        choice = self._chosen(request)
        # As prometheus_client has it: `?name[]=` asks for some families only.
        blocks = self.scrape(choice.form, parse_qs(request.query).get("name[]", ()))
        if not isinstance(blocks, Future):
            return _exposed(choice, blocks)
        pending: Pending = Future()
        blocks.add_done_callback(lambda it: pending.set_result(_exposed(choice, it.result())))
        return pending

    def _chosen(self, request: Request) -> Choice:
        """Return the best choice, for late ones of those that are ready, if there are any."""
        suiting = choices(request.headers)
        ready = self.ready_forms() if request.late else ()
        return next((each for each in suiting if each.form in ready), suiting[0])

    def _reload(self, request: Request) -> Response | Pending:
        if (refusal := not_allowed(request, ("POST", "PUT"))) is not None:
            return replace(refusal, path_class=messages.RELOAD)
        if self.reload is None:
            text = "Reloading is not enabled here: see --web.enable-lifecycle."
            return sentence(403, text, path_class=messages.RELOAD)
        pending: Pending = Future()
        self.reload().add_done_callback(lambda it: pending.set_result(_reloaded(it.result())))
        return pending

    def _landing(self) -> Response:
        status = Status(self.collectors(), self.families(), self.ready(), self.healthy())
        page = landing(self.version, self.telemetry_path, status, with_tasks=self.tasks is not None)
        return html(page, STYLE, messages.LANDING)


def _exposed(choice: Choice, blocks: Blocks) -> Response:
    return Response(200, choice.content_type, blocks, choice.headers, path_class=messages.TELEMETRY)


def _reloaded(good: bool) -> Response:
    if good:
        return sentence(200, "Reloaded.", path_class=messages.RELOAD)
    text = "A file cannot be used, and nothing of it is taken over; the log says why."
    return sentence(500, text, path_class=messages.RELOAD)


def require_free(path: str) -> None:
    """Raise ConfigError for a telemetry path that could never be served."""
    taken = path in _TAKEN
    if taken or not path.startswith("/") or path.startswith("//") or set(path) & set("?#% "):
        message = f"The telemetry path {path!r} must be a free path such as /metrics."
        raise ConfigError(message)


def _verdict(wrong: str | None, right: str, path_class: str) -> Response:
    """Return a probe's answer, vital: an orchestrator must not kill us for busy scrapers."""
    status, text = (200, right) if wrong is None else (503, wrong)
    return sentence(status, text, path_class=path_class, vital=True)
