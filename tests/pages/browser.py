"""A headless Chromium that is told what to do through a pipe (Chrome DevTools Protocol)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Two frames: in the first some tiles may not be painted yet.
_PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip
# The browser reads commands from descriptor 3 and answers on 4.
_ON_3_AND_4 = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'


@dataclass
class Visit:
    """What a page did while it was looked at."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Errors of scripts, of loading, and what the page's policy forbade."""
    overflow: int = 0
    """Pixels by which the page is wider than the screen."""


class Browser:
    """One tab."""

    def __init__(self, commands: int, answers: int) -> None:
        """`opened` is the usual way here."""
        self._commands = commands
        self._answers = answers
        self._number = 0
        self._buffer = b""
        self._session: str | None = None
        self._visit = Visit()
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.tell(f"{domain}.enable")

    def visit(self, url: str, width: int, height: int, *, dark: bool = False) -> Visit:
        """Load a page on a screen of this size, to its end."""
        self._visit = Visit()
        phone = width < 600
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])
        self.tell("Page.navigate", url=url)
        self._wait_for("Page.loadEventFired")
        widths = "document.documentElement.scrollWidth - window.innerWidth"
        self._visit.overflow = self.tell("Runtime.evaluate", expression=widths)["result"]["value"]
        return self._visit

    def picture(self) -> bytes:
        """Return what is on the screen, as PNG."""
        self.tell("Runtime.evaluate", expression=_PAINTED, awaitPromise=True)
        return base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"])

    def printed(self) -> bytes:
        """Return the page as PDF."""
        return base64.b64decode(self.tell("Page.printToPDF", printBackground=True)["data"])

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and return its result."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._message()).get("id") != self._number:
            pass
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def _wait_for(self, event: str) -> None:
        while self._message().get("method") != event:
            pass

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._answers, 2**20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._buffer += piece
        text, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self._visit.requests.append(told["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self._visit.complaints.append(told["exceptionDetails"]["text"])
        elif event == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning"}:
            self._visit.complaints.append(str(told["args"][0].get("value")))
        elif event == "Log.entryAdded" and told["entry"]["level"] in {"warning", "error"}:
            self._visit.complaints.append(told["entry"]["text"])


def installed() -> str | None:
    """Return the path of a browser, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def opened(program: str, profile: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile, and end it."""
    reads, commands = os.pipe()
    answers, writes = os.pipe()
    command = (program, *_ARGUMENTS, f"--user-data-dir={profile}")
    process = subprocess.Popen(
        ["bash", "-c", _ON_3_AND_4, "browser", str(reads), str(writes), *command],
        pass_fds=(reads, writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(reads)
    os.close(writes)
    try:
        yield Browser(commands, answers)
    finally:
        os.close(commands)
        os.close(answers)
        process.terminate()
        process.wait(10)
