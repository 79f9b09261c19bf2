"""Real servers for tests, started by hand from the services' own process specifications: no executor is involved."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aifbench.clock import monotonic_ns, sleep_s
from aifbench.executors.ports import FreePorts
from aifbench.model.service import Target, Where
from aifbench.services.base import SERVICES, Service

_PORTS = FreePorts()


class Running:
    """A started server; `target` is what workloads are given."""

    def __init__(self, name: str, folder: Path, **options: object) -> None:
        kind = SERVICES.load(name)
        service: Service = kind(name, kind.recipe_keys(**options))
        folder.mkdir(parents=True, exist_ok=True)
        self.where = Where("127.0.0.1", str(folder), _PORTS.take(service.ports))
        self.target = Target(name, name, service.endpoints(self.where))
        self._spec = service.process(self.where)
        self.folder = folder
        self.start()

    def start(self) -> None:
        assert self._spec is not None
        with (self.folder / "out").open("ab") as out, (self.folder / "err").open("ab") as err:
            self.process = subprocess.Popen(
                self._spec.argv,
                cwd=self._spec.folder,
                env={**os.environ, **self._spec.env},
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_for(self, ready: Callable[[], bool], limit_s: float = 60.0) -> None:
        deadline = monotonic_ns() + round(limit_s * 1e9)
        while not ready():
            assert self.process.poll() is None, (self.folder / "err").read_text()[-2000:]
            assert monotonic_ns() < deadline, (self.folder / "err").read_text()[-2000:]
            sleep_s(0.05)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)


@contextmanager
def postgres(folder: Path) -> Iterator[Running]:
    server = Running("postgres", folder)
    try:
        server.wait_for(lambda: _sql_answers(server.target))
        yield server
    finally:
        server.stop()


def _sql_answers(target: Target) -> bool:
    import psycopg

    from aifbench.errors import LoadError
    from aifbench.load.transport.postgres import conninfo

    try:
        with psycopg.connect(conninfo(target.endpoint("postgres"))) as conn:
            return conn.execute("SELECT 1").fetchone() == (1,)
    except (psycopg.OperationalError, LoadError):
        return False


@contextmanager
def seaweedfs(folder: Path) -> Iterator[Running]:
    server = Running("seaweedfs", folder)
    try:
        server.wait_for(lambda: _s3_answers(server.target))
        yield server
    finally:
        server.stop()


def _s3_answers(target: Target) -> bool:
    from aifbench.load.transport.http import fetch

    try:
        return fetch(target.endpoint("s3").url).body().lstrip().startswith(b"<")
    except OSError:
        return False
