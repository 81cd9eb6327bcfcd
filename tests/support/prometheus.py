"""A real Prometheus server on the loopback: Debian's package `prometheus` has it."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.child import Child
from tests.support.ports import free_port

NO_PROMETHEUS = "there is no Prometheus: install Debian's package prometheus"
_CONFIG = """
global: {{scrape_interval: {every}, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
  - job_name: airflow
    honor_labels: true
{scrape}
    static_configs:
      - {{targets: {targets}, labels: {{airflow: "{airflow}"}}}}
"""


def prometheus_binary() -> str | None:
    """Return the path of the server."""
    return shutil.which("prometheus")


class Prometheus:
    """A server that scrapes targets, every second unless told otherwise."""

    def __init__(
        self,
        directory: Path,
        targets: Sequence[str],
        airflow: str,
        rules: Sequence[Path] = (),
        *,
        every: str = "1s",
        features: Sequence[str] = (),
        scrape: str = "",
    ) -> None:
        """Start with its files in `directory`; `airflow` is the label of the targets.

        What `tsdb` there holds is served as well; `features` are what `--enable-feature` switches
        on, `scrape` is more of the scrape configuration, in YAML.
        """
        self.port = free_port()
        config = directory / "prometheus.yml"
        config.write_text(
            _CONFIG.format(
                rules=json.dumps([str(each) for each in rules]),
                targets=json.dumps(list(targets)),
                airflow=airflow,
                every=every,
                scrape=textwrap.indent(scrape, "    "),
            )
        )
        self._child = Child.start(
            [
                prometheus_binary() or "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
                *(f"--enable-feature={feature}" for feature in features),
            ],
            log=directory / "prometheus.log",
            environment={"PATH": "/usr/bin:/bin"},
        )

    def __enter__(self) -> Prometheus:
        """Return the server, ready."""
        self._child.wait_until(self._ready, 30)
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the server."""
        self._child.kill()

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}"

    def query(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Return the labels and values of an instant query, now or at a moment."""
        moment = {} if at is None else {"time": str(at)}
        result: list[dict[str, Any]] = self._ask("query", query=expression, **moment)["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def exemplars(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and values of the exemplars that stand by the series."""
        found = self._ask("query_exemplars", query=expression, start="0", end="9999999999")
        return [(each["labels"], float(each["value"])) for of in found for each in of["exemplars"]]

    def wait_for(self, expression: str, count: int, timeout: float = 60) -> None:
        """Wait until a query returns this many series."""
        self._child.wait_until(lambda: len(self.query(expression)) == count, timeout)

    def _ask(self, what: str, **parameters: str) -> Any:
        answer = json.loads(self._get(f"/api/v1/{what}?{urlencode(parameters)}")[1])
        if answer["status"] != "success":
            raise RuntimeError(answer)
        return answer["data"]

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _ready(self) -> bool:
        try:
            return self._get("/-/ready")[0] == 200
        except (OSError, HTTPException):
            return False
