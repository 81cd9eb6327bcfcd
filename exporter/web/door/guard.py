"""The guard: stands before a handler, lets in who may, and adds the headers that are wanted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from exporter.web.door.config import WebConfig
from exporter.web.door.passwords import Passwords, login_from
from exporter.web.messages import Pending, Request, Response, sentence

Answer = Callable[[Request], "Response | Pending"]
_Made = TypeVar("_Made")
_CHALLENGE = (("WWW-Authenticate", 'Basic realm="airflow-perf-exporter"'),)


@dataclass(frozen=True)
class Guard:
    """Answers for a handler, which must be safe to call from another thread."""

    handler: Answer
    config: Callable[[], WebConfig]
    """What is in force."""
    passwords: Passwords

    def __call__(self, request: Request) -> Response | Pending:
        """Answer who may come in."""
        config = self.config()
        answer = self._admitted(request, config)
        if not config.headers:
            return answer
        if isinstance(answer, Response):
            return _with_headers(answer, config)
        return _then(answer, lambda response: _with_headers(response, config))

    def _admitted(self, request: Request, config: WebConfig) -> Response | Pending:
        wanted = config.tls.client_names if config.tls else ()
        if wanted and request.peer_names.isdisjoint(wanted):
            return sentence(403, "The certificate has none of the names that are let in.")
        if not config.users:
            return self.handler(request)
        login = login_from(request.headers.get("authorization"))
        if login is None:
            return _unknown()
        verdict = self.passwords.verdict(login, config.users)
        if isinstance(verdict, Future):
            return _then(verdict, lambda right: self._judged(request, right))
        if verdict is None:
            return sentence(503, "Too many passwords wait to be verified; try again later.")
        return self._judged(request, verdict)

    def _judged(self, request: Request, right: bool) -> Response | Pending:
        return self.handler(request) if right else _unknown()


def _unknown() -> Response:
    return sentence(401, "A user and a password are needed.", headers=_CHALLENGE)


def _with_headers(response: Response, config: WebConfig) -> Response:
    names = {name.lower() for name, _ in config.headers}
    ours = tuple(each for each in response.headers if each[0].lower() not in names)
    return replace(response, headers=(*ours, *config.headers))


def _then(first: Future[_Made], answer: Callable[[_Made], Response | Pending]) -> Pending:
    """Return what becomes of a result once it is there."""
    pending: Pending = Future()

    def pass_on(done: Future[Response]) -> None:
        if (error := done.exception()) is not None:
            pending.set_exception(error)
        else:
            pending.set_result(done.result())

    def go_on(done: Future[_Made]) -> None:
        # The request boundary goes on here: what a handler raises is told where it is waited for.
        try:
            made = answer(done.result())
        except Exception as error:  # noqa: BLE001 - see above
            pending.set_exception(error)
            return
        if isinstance(made, Future):
            made.add_done_callback(pass_on)
        else:
            pending.set_result(made)

    first.add_done_callback(go_on)
    return pending
