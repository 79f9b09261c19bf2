"""Services that stay up between commands: what is behind `aifbench service up|down|status|logs`.

Each has a folder `<home>/services/<name>/` with `kept.json` while it is up, its logs and its data. The process is not
tied to the command that started it. A name is used once. A new start begins without data, as in a run; data that
must last belongs into a directory that the service's options name.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from aifbench.clock import SYSTEM, Clock, utc_text
from aifbench.deploy.deployed import Deployed, write_exit, write_record
from aifbench.deploy.up import Start, up
from aifbench.errors import ExecutorError, ServiceError, StoreError, UsageError
from aifbench.executors.base import Executor, Stream
from aifbench.model.codec import from_data, to_data
from aifbench.model.process import Handle, ProcessState, ProcessStatus
from aifbench.model.service import Endpoint, Target, Where
from aifbench.registry import unknown
from aifbench.services.base import Service
from aifbench.units import format_duration

SCHEMA = 1
LOGS: tuple[Stream, ...] = ("out", "err")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")

KeptState = Literal["starting", "up", "died", "unknown"]


@dataclass(frozen=True)
class KeptService:
    """One kept service. `options` are as the user wrote them, with references instead of secrets.

    `state` is asked at each look: `died` when its process has ended, `unknown` when nobody here can tell (`status`
    has the reason, such as a restart of the machine).
    """

    name: str
    uses: str
    state: KeptState
    since: str
    folder: str
    handle: Handle
    options: Mapping[str, Any] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""
    schema: int = SCHEMA

    def target(self) -> Target:
        """What load is aimed at; raises ServiceError when it is not up."""
        if self.state != "up":
            raise ServiceError(
                f"{self.state}{f': {self.status}' if self.status else ''}",
                where=f"kept service {self.name}",
                hint=f"aifbench service logs {self.name}; aifbench service down {self.name}",
            )
        return Target(self.name, self.uses, self.endpoints, self.facts)

    def as_external(self) -> dict[str, Any]:
        """What a recipe's `services:` would say to address it: the options of the service `external`."""
        endpoint = self.target().endpoints[0]
        return {"url": endpoint.url, "protocol": endpoint.protocol, "attributes": dict(endpoint.attributes)}


class KeptServices:
    """The kept services of one home folder, all on one executor."""

    def __init__(self, home: Path, executor: Executor) -> None:
        self._root = home / "services"
        self._executor = executor

    def keep(
        self,
        service: Service,
        uses: str,
        options: Mapping[str, Any],
        *,
        ready_timeout_s: float,
        clock: Clock = SYSTEM,
        on_progress: Callable[[str], None] = lambda line: None,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> KeptService:
        """Start it under its name and leave it up. Raises UsageError when the name is in use, else what `up` raises."""
        folder = self._folder(service.name)
        with self._locked(service.name):
            self._refuse_if_up(service.name)
            _empty_but_logs(folder)
            entry: list[KeptService] = []

            def note(handle: Handle, where: Where) -> None:
                """Written before it is ready, so that a killed command leaves no process that nobody knows of."""
                entry[:] = [KeptService(service.name, uses, "starting", utc_text(), where.folder, handle, options)]
                _write(entry[0])

            try:
                deployed = up(
                    service, uses, self._executor, folder, ready_timeout_s=ready_timeout_s, clock=clock,
                    on_progress=on_progress, stop_requested=stop_requested, start=Start(tied=False, on_started=note),
                )  # fmt: skip
            except BaseException:
                (folder / "kept.json").unlink(missing_ok=True)
                raise
            if deployed.handle is None:
                raise UsageError(
                    f"{uses} starts no process, so there is nothing to keep up",
                    hint=f"name it in the recipe: services: {{{service.name}: {{uses: {uses}}}}}",
                )
            kept = _ready(entry[0], deployed)
            _write(kept)
            on_progress(f"{service.name}: ready after {format_duration(deployed.ready_s)}")
            return kept

    def adopt(self, deployed: Deployed, options: Mapping[str, Any]) -> KeptService:
        """Keep a service that a run has started untied; its logs and data stay where they are.

        Its name gets a number behind it when there is one of that name already. Raises StoreError.
        """
        assert deployed.handle is not None
        for number in range(1, 1000):
            name = deployed.name if number == 1 else f"{deployed.name}-{number}"
            folder = self._folder(name)
            with self._locked(name):
                if _read(folder / "kept.json") is not None:
                    continue
                entry = KeptService(name, deployed.uses, "up", utc_text(), str(folder), deployed.handle, options)
                kept = _ready(entry, deployed)
                _write(kept)
                return kept
        raise UsageError(f"there are too many kept services called {deployed.name}", hint="aifbench service down --all")

    def list(self) -> tuple[KeptService, ...]:
        """All that were started and not taken down, also those that died since, by name."""
        names = sorted(path.parent.name for path in self._root.glob("*/kept.json"))
        return tuple(self.get(name) for name in names)

    def get(self, name: str) -> KeptService:
        """As it is now; raises UsageError when there is none of that name."""
        entry = _read(self._folder(name) / "kept.json")
        if entry is None:
            known = [path.parent.name for path in self._root.glob("*/kept.json")]
            text = unknown("kept service", name, known) if known else f"no service is kept up, so none is called {name}"
            raise UsageError(text, hint="aifbench service up starts one; aifbench service status lists them")
        status = self._status(entry)
        return replace(entry, state=_state(entry, status), status=_status_text(entry, status))

    def down(self, name: str, *, grace_s: float | None = None, delete: bool = False) -> ProcessStatus:
        """Stop it and forget it; its logs and data stay until the next start, or go at once with `delete`."""
        with self._locked(name):
            entry = self.get(name)
            died = entry.state == "died"
            status = self._executor.stop([self._handle(entry)], grace_s)[0]
            folder = self._folder(name)
            with contextlib.suppress(StoreError):
                write_exit(folder, status, "died" if died else "stopped")
            (folder / "kept.json").unlink(missing_ok=True)
            if delete:
                shutil.rmtree(folder, ignore_errors=True)
            return status

    def logs(self, name: str, stream: Stream = "err", *, offset: int = 0, limit: int = 65536) -> bytes:
        """Bytes of its log from `offset` (negative: from the end); also after it died or was taken down."""
        folder = self._folder(name)
        entry = _read(folder / "kept.json")
        if entry is not None:
            return self._executor.read_output(self._handle(entry), stream, offset, limit)
        try:
            with (folder / stream).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(offset if offset >= 0 else max(0, size + offset))
                return file.read(limit)
        except OSError:
            self.get(name)  # says which names there are
            raise

    def _folder(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is not a name: letters, digits, and _ . - inside, at most 80")
        return self._root / name

    def _handle(self, entry: KeptService) -> Handle:
        if entry.handle.executor != self._executor.name:
            raise ExecutorError(
                f"was started with executor {entry.handle.executor}, not {self._executor.name}",
                where=f"kept service {entry.name}",
            )
        return self._executor.attach(entry.handle.record)

    def _status(self, entry: KeptService) -> ProcessStatus:
        try:
            return self._executor.status([self._handle(entry)])[0]
        except ExecutorError as error:
            return ProcessStatus(ProcessState.UNKNOWN, reason=str(error))

    def _refuse_if_up(self, name: str) -> None:
        if _read(self._folder(name) / "kept.json") is None:
            return
        entry = self.get(name)
        if entry.state in ("starting", "up"):
            raise UsageError(
                f"a service called {name} is already {entry.state} ({entry.uses}, since {entry.since})",
                hint=f"choose another name, or stop it first: aifbench service down {name}",
            )
        self._executor.stop([self._handle(entry)])  # a stale entry: whatever may be left of it must not stay

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """One command at a time works on a name; the lock ends with the command, however it ends."""
        self._folder(name)
        path = self._root / f".{name}.lock"
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = path.open("a")
        except OSError as error:
            raise StoreError(f"cannot write: {error.strerror}", where=str(path), hint="set AIFBENCH_HOME") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UsageError(f"another aifbench command is working on service {name}") from error
            yield


def _ready(entry: KeptService, deployed: Deployed) -> KeptService:
    return replace(entry, state="up", endpoints=deployed.endpoints, facts=deployed.facts)


def _write(entry: KeptService) -> None:
    write_record(Path(entry.folder) / "kept.json", to_data(entry))


def _read(path: Path) -> KeptService | None:
    """None when there is no such file; StoreError when it is damaged or of a newer aifbench."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and data.get("schema", 0) > SCHEMA:
            raise StoreError(f"has schema {data['schema']}, this aifbench reads up to {SCHEMA}", where=str(path))
        return from_data(KeptService, data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise StoreError(
            f"cannot be read: {error}", where=str(path), hint="if its service has ended, delete this file"
        ) from error


def _state(entry: KeptService, status: ProcessStatus) -> KeptState:
    if status.ended:
        return "died"
    return "unknown" if status.state is ProcessState.UNKNOWN else entry.state


def _status_text(entry: KeptService, status: ProcessStatus) -> str:
    if entry.state == "starting" and not status.ended:
        return "not ready yet, or the command that started it was killed"
    return status.describe()


def _empty_but_logs(folder: Path) -> None:
    """Data and records of an earlier start; its logs go on."""
    try:
        for path in folder.iterdir() if folder.exists() else ():
            if path.name in LOGS:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise StoreError(f"cannot be emptied: {error.strerror}", where=str(folder)) from error
