"""Starts one service in a test: a process group, the probe asked until yes, TERM, and a look at what is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services.base import SERVICES, Service


@dataclass
class Running:
    service: Service
    where: Where
    process: subprocess.Popen[bytes]
    stop_s: float = 0.0

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self.service.endpoints(self.where)

    def stop(self) -> int:
        """TERM to the group, as executors do; returns the exit code and stores how long it took."""
        before = time.monotonic()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        code = self.process.wait(timeout=15)
        self.stop_s = time.monotonic() - before
        return code

    def group_left(self) -> bool:
        """Whether any process of the group still runs."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def make(uses: str, options: dict[str, Any] | None = None, name: str = "svc") -> Service:
    kind = SERVICES.load(uses)
    return kind(name, kind.recipe_keys.model_validate(options or {}))


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    sockets = [socket.socket() for _ in names]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}
    for one in sockets:
        one.close()
    return ports


def answered(probe: Probe) -> bool:
    if probe.kind in ("http", "s3"):
        try:
            with urllib.request.urlopen(probe.url, timeout=2) as answer:
                status, body = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read().decode()
        except OSError:
            return False
        if probe.kind == "s3":
            return bool(body.startswith("<?xml"))
        return bool(status in probe.statuses and probe.contains in body)
    if probe.kind == "exec":
        return bool(subprocess.run(probe.argv, capture_output=True, check=False).returncode == 0)
    if probe.kind == "sql":
        import psycopg

        try:
            password = Path(probe.path).read_text().strip()
            with psycopg.connect(probe.url, password=password, connect_timeout=2) as connection:
                return connection.execute("select 1").fetchone() == (1,)
        except (OSError, psycopg.Error):
            return False
    if probe.kind in ("tcp", "http2"):
        with socket.socket() as one:
            code: int = one.connect_ex((probe.host, probe.port))
            return code == 0
    return probe.kind == "none" or os.access(probe.path, os.W_OK)


def launch(service: Service, folder: Path, ports: dict[str, int] | None = None) -> Running:
    """The process only; nothing is waited for."""
    where = Where("127.0.0.1", str(folder), ports or free_ports(service.ports))
    spec = service.process(where)
    assert spec is not None
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **spec.env}
    environment.update({name: os.environ[name] for name in spec.pass_env})
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    with Path(spec.out).open("ab") as out, Path(spec.err).open("ab") as err:
        process = subprocess.Popen(
            spec.argv, cwd=spec.folder, env=environment, stdout=out, stderr=err, start_new_session=True
        )
    return Running(service, where, process)


def wait_ready(running: Running, timeout_s: float = 60.0) -> None:
    probe = running.service.probe(running.where)
    deadline = time.monotonic() + timeout_s
    while not answered(probe):
        assert running.process.poll() is None, Path(running.where.folder, "err").read_text()
        assert time.monotonic() < deadline, f"not ready after {timeout_s} s"
        time.sleep(0.05)


@contextmanager
def up(uses: str, folder: Path, options: dict[str, Any] | None = None) -> Iterator[Running]:
    """A ready service; ended at the end of the block, whatever happens in it."""
    running = launch(make(uses, options), folder)
    try:
        wait_ready(running)
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
        if running.group_left():
            os.killpg(running.process.pid, signal.SIGKILL)
