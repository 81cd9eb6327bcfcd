"""Where the daemon is served: several addresses, paths, sockets of systemd's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.integration.web.world import ALONE, curl
from tests.support.child import Child
from tests.support.exporter import ROOT, ExporterProcess
from tests.support.ports import free_port


def test_several_addresses_and_a_path_are_served_alike(tmp_path: Path) -> None:
    path, port = tmp_path / "web.sock", free_port()
    more = ("--web.listen-address", f"127.0.0.1:{port}", "--web.listen-address", f"unix:{path}")
    with ExporterProcess(tmp_path, *ALONE, *more) as daemon:
        daemon.wait_ready()
        assert curl(f"http://127.0.0.1:{port}/metrics") == (0, "200")
        assert curl("--unix-socket", path, "http://exporter/metrics") == (0, "200")
        assert daemon.terminate() == 0
        assert not path.exists()


def test_the_sockets_that_systemd_hands_over_are_served(tmp_path: Path) -> None:
    """As systemd does it: the descriptor is 3, and the variables name the process."""
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        address = listener.getsockname()
        run = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
            "os.execv(sys.executable, [sys.executable, '-m', 'exporter', 'serve', *sys.argv[2:]])"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", run, str(listener.fileno()), "--web.systemd-socket", *ALONE],
            cwd=ROOT, pass_fds=[listener.fileno()], env={"PATH": os.environ["PATH"]},
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    child = Child(process, log, signal.SIGKILL)
    try:
        ready = f"http://{address[0]}:{address[1]}/-/ready"
        child.wait_until(lambda: curl(ready) == (0, "200"), 20)
        assert f"{address[0]}:{address[1]}" in child.log()
    finally:
        child.kill()


def test_without_a_socket_from_systemd_the_start_is_refused(tmp_path: Path) -> None:
    with ExporterProcess(tmp_path, "--web.systemd-socket", *ALONE) as daemon:
        assert daemon.wait() == 2
        assert "--web.systemd-socket: systemd has handed over no socket" in daemon.log()
