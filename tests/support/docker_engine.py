"""A real Docker engine of the tests' own: no network, no registry, nothing left behind."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import psutil
import requests

from tests.support.child import Child

NO_DOCKER = "there is no Docker engine: be root, with Debian's packages docker.io, busybox-static"
IMAGE = "busybox:test"

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_APPLETS = ("sh", "sleep", "true", "dd")
_CGROUPS = Path("/sys/fs/cgroup")


def docker_available() -> bool:
    """Tell whether a Docker engine can be started here."""
    programs = ("dockerd", "containerd", "docker", "runc", "busybox")
    return os.geteuid() == 0 and all(shutil.which(name, path=_PATH) for name in programs)


class DockerEngine:
    """One dockerd with its own containerd; containers have the cgroup /docker/ID, as usual.

    Containers of busybox have no network and end at once when they are stopped.
    """

    def __init__(self, directory: Path, *, isolated: bool = False) -> None:
        """Start the process, perhaps not yet listening; `start` is the usual way here.

        One that is isolated has a network of its own, where its containers reach one another
        and nobody else reaches them.
        """
        self._directory = directory
        self._isolated = isolated
        # A unix socket's path ends at 107 bytes: pytest's directories may be longer.
        self._run = Path(tempfile.mkdtemp(prefix="dockerd-"))
        self.url = f"unix://{self._run}/docker.sock"
        self._child = self._launch()
        self._client: docker.DockerClient | None = None

    @classmethod
    def start(cls, directory: Path, *, isolated: bool = False) -> DockerEngine:
        """Return an engine that answers, with its data under `directory`."""
        engine = cls(directory, isolated=isolated)
        try:
            engine._wait_ready()
        except BaseException:
            engine.close()
            raise
        return engine

    @property
    def pid(self) -> int:
        """Return dockerd's process id."""
        return self._child.pid

    @property
    def client(self) -> docker.DockerClient:
        """Return the SDK's client, for what has no method here; the engine must have answered."""
        if self._client is None:  # making it asks the engine for its version
            self._client = docker.DockerClient(base_url=self.url, timeout=30)
        return self._client

    def import_busybox(self) -> str:
        """Make an image of the system's static busybox and return its name."""
        repository, _, tag = IMAGE.partition(":")
        self.client.api.import_image_from_data(_busybox_tar(), repository=repository, tag=tag)
        return IMAGE

    def build(self, context: Path, tag: str, arguments: Mapping[str, str]) -> None:
        """Build a Dockerfile by BuildKit, which may reach what the machine reaches."""
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        subprocess.run(
            ["docker", "build", "--quiet", "--network=host", f"--tag={tag}", *given, context],
            check=True,
            env=self._environment | {"DOCKER_HOST": self.url, "DOCKER_BUILDKIT": "1"},
            stdout=subprocess.DEVNULL,
        )

    def run(self, name: str, command: Sequence[str], **options: Any) -> str:
        """Start a container of the busybox image in the background and return its id."""
        container = self.client.containers.run(
            IMAGE,
            list(command),
            name=name,
            detach=True,
            network_mode="none",
            stop_signal="SIGKILL",  # busybox as process 1 does not heed SIGTERM
            **options,
        )
        return str(container.id)

    def remove(self, name: str) -> None:
        """Kill and remove a container."""
        self.client.api.remove_container(name, force=True)

    def remove_all(self) -> None:
        """Kill and remove every container."""
        while left := self.client.api.containers(all=True, quiet=True):
            for container in left:
                # One that removes itself at its end may be gone, or just going.
                with contextlib.suppress(docker.errors.APIError):
                    self.remove(container["Id"])

    def stop(self) -> None:
        """Stop the engine and its containers, as a service manager does."""
        self._child.stop(signal.SIGTERM, timeout=30)

    def start_again(self) -> None:
        """Start the engine anew on the same data; it answers when this returns."""
        self._child = self._launch()
        self._wait_ready()

    def stall(self) -> None:
        """Let the engine hang: connections are accepted and nothing is answered."""
        psutil.Process(self.pid).send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `stall`."""
        psutil.Process(self.pid).send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the engine; no container, process, mount, cgroup or file of it is left."""
        try:
            if self._child.exit_code is not None:
                self._child.kill()
                self.start_again()  # what a dead engine left, only an engine can clear away
            self.resume()
            self.remove_all()
            self.stop()
        finally:
            self._child.kill()
            if self._client is not None:
                self._client.close()
            for parent in _docker_cgroups():
                with contextlib.suppress(OSError):  # another engine may be in it
                    parent.rmdir()
            # What a crashed engine mounted upon itself, the next one leaves, and every one the
            # network of the host where a container had it; mostly there is neither.
            for mount in (self._data, self._run / "exec" / "netns" / "default"):
                subprocess.run(["umount", mount], check=False, capture_output=True)
            for directory in (self._run, self._data):
                shutil.rmtree(directory, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._directory / "docker"

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": _PATH, "HOME": str(self._run)}

    def _launch(self) -> Child:
        # After a crash they would name processes that nobody may have reaped yet.
        for stale in ("docker.pid", "exec/containerd/containerd.pid"):
            (self._run / stale).unlink(missing_ok=True)
        command = [
            shutil.which("dockerd", path=_PATH) or "dockerd",
            f"--host={self.url}",
            f"--data-root={self._data}",
            f"--exec-root={self._run}/exec",
            f"--pidfile={self._run}/docker.pid",
            "--exec-opt=native.cgroupdriver=cgroupfs",  # on cgroup v2 systemd's is the usual one
            "--bridge=none",
            "--iptables=false",
            "--shutdown-timeout=2",
        ]
        if self._isolated:
            command = [
                "unshare",
                "--net",
                "sh",
                "-c",
                'ip link set lo up; exec "$@"',
                "-",
                *command,
            ]
        log = self._directory / "dockerd.log"
        return Child.start(command, log=log, environment=self._environment, stop=signal.SIGTERM)

    def _wait_ready(self) -> None:
        self._child.wait_until(self._answers, timeout=60)

    def _answers(self) -> bool:
        # Not through the client: it leaks a socket when none listens.
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._run / "docker.sock"))
            except OSError:
                return False
        try:
            return bool(self.client.ping())
        except (docker.errors.DockerException, requests.RequestException):
            return False


def _docker_cgroups() -> list[Path]:
    """Return the cgroups that a cgroupfs engine makes as its containers' parent."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS / "docker"]
    return [entry / "docker" for entry in _CGROUPS.iterdir() if entry.is_dir()]


def _busybox_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(Path(shutil.which("busybox", path=_PATH) or "busybox").resolve(), "bin/busybox")
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return buffer.getvalue()
