"""Options that say what is served over HTTP, and what is taken in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter.config.option import on_or_off, option
from exporter.values import Given, count, free_path


@dataclass(frozen=True)
class WebSettings:
    """What is served over HTTP, and what is taken in."""

    listen_address: tuple[str, ...] = option(
        "--web.listen-address", (":10112",),
        "Address to serve on, HOST:PORT or unix:PATH; may be given several times.",
        Given, "ADDRESS", repeatable=True, keeps_origin=True,
    )  # fmt: skip
    systemd_socket: bool = on_or_off(
        "--web.systemd-socket", False, "Serve on the sockets that systemd hands over instead."
    )
    telemetry_path: str = option(
        "--web.telemetry-path", "/metrics", "Path under which metrics are served.", free_path,
        "PATH",
    )  # fmt: skip
    web_config_file: Path | None = option(
        "--web.config.file", None,
        "YAML file of TLS, users and headers, with exporter-toolkit's keys (docs/web.md); read "
        "again when it or a certificate changes.",
        Path, "FILE",
    )  # fmt: skip
    tasks_page: bool = on_or_off(
        "--web.tasks-page", True,
        "Show what runs here on the page /tasks, with the last hour, and to `top --url`.",
    )  # fmt: skip
    max_requests: int = option(
        "--web.max-requests", 40, "Most requests answered at a time; above, 503. 0 is no limit.",
        count, "NUMBER",
    )  # fmt: skip
    enable_lifecycle: bool = on_or_off(
        "--web.enable-lifecycle", False,
        "Reload by POST to /-/reload as well; SIGHUP always does.",
    )  # fmt: skip
    enable_intake: bool = on_or_off(
        "--web.enable-intake", False,
        "Take what tasks, containers, the Airflow plugin and sidecars tell of tries.",
    )  # fmt: skip
    intake_address: tuple[str, ...] = option(
        "--web.intake-address", ("127.0.0.1:10113",),
        "Address where it is taken; may be given several times.",
        Given, "ADDRESS", repeatable=True, keeps_origin=True,
    )  # fmt: skip
    intake_token_file: Path | None = option(
        "--web.intake-token-file", None,
        "Bearer token that senders must show; read again when the file changes.", Path, "FILE",
    )  # fmt: skip
