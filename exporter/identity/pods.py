"""The pods of a node, asked of its kubelet or of the Kubernetes API server."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from exporter.errors import ConfigError, SourceUnavailableError
from exporter.identity.endpoint import authorization, endpoint, trusting
from exporter.identity.exchange import Request, exchange
from exporter.identity.pod import ContainerInfo, PodInfo
from exporter.identity.pod_list import Pods, pods_in

MAX_BYTES = 32 * 1024 * 1024
_FORBIDDEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class PodList:
    """What was last learned of a node's pods; it stays while the source is away.

    The kubelet (`https://NODE:10250/pods`) tells its own pods and needs no `node`; the API
    server (`https://SERVER/api/v1/pods`) is asked for those of `node`.
    """

    def __init__(
        self,
        url: str,
        token_file: Path | None = None,
        ca_file: Path | None = None,
        node: str | None = None,
        *,
        timeout_seconds: float = 5.0,
        origin: str = "the pod list's URL",
    ) -> None:
        """Check what is given; raise ConfigError naming `origin`. Nothing is asked yet."""
        self._endpoint = endpoint(url, origin)
        if not self._endpoint.tls and not self._endpoint.is_loopback:
            message = f"{origin}: must be https, for a token goes there"
            raise ConfigError(message)
        self._context = trusting(ca_file)
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds
        self._target = self._endpoint.target
        if node is not None:
            # Version 0 allows the API server to answer from its cache.
            chosen = {"fieldSelector": f"spec.nodeName={node}", "resourceVersion": "0"}
            self._target += f"{'&' if '?' in self._target else '?'}{urlencode(chosen)}"
        self._last = Pods()

    def __str__(self) -> str:
        """Return how sentences name who is asked."""
        return str(self._endpoint)

    @property
    def pods(self) -> Mapping[str, PodInfo]:
        """The pods by uid, as of the last good refresh."""
        return self._last.pods

    @property
    def containers(self) -> Mapping[str, ContainerInfo]:
        """The containers by id, without the runtime's `containerd://`, as of the same."""
        return self._last.containers

    def refresh(self) -> None:
        """Ask once, within the deadline; raise SourceUnavailableError or SourceTimeoutError."""
        headers = authorization(self._endpoint, self._token_file)
        status, body = exchange(
            self._endpoint,
            Request("GET", self._target, headers | {"Accept": "application/json"}),
            context=self._context,
            timeout_seconds=self._timeout_seconds,
            max_bytes=MAX_BYTES,
        )
        if status != HTTPStatus.OK:
            hint = ": the token may not read pods" if status in _FORBIDDEN else ""
            message = f"{self._endpoint} answered {status}{hint}"
            raise SourceUnavailableError(message)
        try:
            self._last = pods_in(body)
        except ValueError:
            message = f"{self._endpoint} did not answer with a list of pods"
            raise SourceUnavailableError(message) from None
