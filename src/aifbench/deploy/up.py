"""Bring one service up: place it, start it, ask its probe until it is answered, ask what it is.

A service that dies while waiting fails at once with its last words; one that found a port taken is started again on
other ports. Whatever fails, nothing of it is left running.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aifbench.clock import NS_PER_S, SYSTEM, Clock
from aifbench.deploy import ready
from aifbench.deploy.deployed import Deployed, write_exit
from aifbench.errors import ExecutorError, Interrupted, MissingExtra, ServiceError, StoreError
from aifbench.executors import environment
from aifbench.executors.base import Executor, Stream, last_lines
from aifbench.executors.call import call
from aifbench.model.process import Handle, ProcessSpec, ProcessState, ProcessStatus
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services.base import Service
from aifbench.units import format_duration

STARTS = 3
"""How often a service is started when its port is taken between the moment it was found free and its own bind."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5
QUOTED_LINES = 12
EXEC_PROBE_WITHIN_S = 30.0
_TAKEN = re.compile(
    r"address (is )?already in use|address \S+ is not available|EADDRINUSE|address in use"
    r"|port \S+ is (already )?(in use|taken)|could ?n[o']t bind|could not bind|failed to bind|cannot bind",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Start:
    """How it is started. `tied`: it ends with this controller. `check` asks the probe; tests give their own.

    `on_started` is told as soon as the process exists, before it is ready.
    """

    tied: bool = True
    cpus: tuple[int, ...] = ()
    check: Callable[..., str | None] = ready.check
    on_started: Callable[[Handle, Where], None] = lambda handle, where: None


@dataclass(frozen=True)
class Waiting:
    """What the wait for one service needs to know."""

    service: Service
    executor: Executor
    ready_timeout_s: float
    clock: Clock
    on_progress: Callable[[str], None]
    stop_requested: Callable[[], bool]
    start: Start


class PortTaken(ServiceError):
    """A port was taken, or it died because of that: worth another start."""


def up(  # noqa: PLR0913  # what, where and with whom; each has a default beside it or none that is right
    service: Service,
    uses: str,
    executor: Executor,
    folder: Path,
    *,
    ready_timeout_s: float,
    clock: Clock = SYSTEM,
    on_progress: Callable[[str], None] = lambda line: None,
    stop_requested: Callable[[], bool] = lambda: False,
    start: Start | None = None,
) -> Deployed:
    """The service, answering. Writes endpoint.json and describe.json into `folder`.

    Raises MissingExtra, ExecutorError, ServiceError (died, or not ready in time), StoreError, or Interrupted when
    `stop_requested` says so; then it has been stopped again.
    """
    missing = service.missing()
    if missing:
        install = "" if service.extra else "with the system's packages, or give its full path"
        raise MissingExtra(", ".join(missing), extra=service.extra, install=install, where=f"service {service.name}")
    waiting = Waiting(service, executor, ready_timeout_s, clock, on_progress, stop_requested, start or Start())
    for left in reversed(range(STARTS)):
        where = _place(service, executor, folder, waiting.start)
        try:
            return _start_once(waiting, uses, where)
        except PortTaken:
            if not left:
                raise
            on_progress(f"{service.name}: a port was taken by another program, starting on other ports")
    raise AssertionError("the last start returns or raises")


def _place(service: Service, executor: Executor, folder: Path, start: Start) -> Where:
    host, ports = executor.place(service.ports)
    # The one value that must not be repeatable: whoever knows a run's seeds must not know its access keys.
    return Where(host, str(folder.absolute()), ports, secrets.token_urlsafe(16), start.cpus)


def _start_once(waiting: Waiting, uses: str, where: Where) -> Deployed:
    service, executor, clock = waiting.service, waiting.executor, waiting.clock
    try:
        Path(where.folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot create the folder: {error.strerror}", where=where.folder) from error
    spec = _spec(service.process(where), where, waiting.start)
    _refuse_foreign(service, where)
    before = _sizes(spec)
    begun_ns = clock.now_ns()
    handle = executor.submit(spec) if spec else None
    try:
        if handle is not None:
            waiting.start.on_started(handle, where)
        _wait_ready(waiting, where, spec, handle, before)
        ready_s = (clock.now_ns() - begun_ns) / NS_PER_S
        endpoints = service.endpoints(where)
        deployed = Deployed(
            service.name, uses, where, handle, endpoints, _facts(service, endpoints), _packages(service), ready_s
        )
        deployed.write()
    except BaseException:
        if handle is not None:
            died = executor.status([handle])[0].ended
            write_exit(Path(where.folder), executor.stop([handle])[0], "died" if died else "stopped")
        raise
    return deployed


def _refuse_foreign(service: Service, where: Where) -> None:
    """Whoever listens on one of its ports already would answer its probe, and the load, in its place."""
    for name, port in where.ports.items():
        if ready.check(Probe("tcp", where.host, port), lambda argv: None, timeout_s=1.0) is None:
            raise PortTaken(f"port {port} ({name}) is taken by another program", where=f"service {service.name}")


def _spec(spec: ProcessSpec | None, where: Where, start: Start) -> ProcessSpec | None:
    if spec is None:
        return None
    folder = Path(where.folder)
    return replace(spec, out=spec.out or str(folder / "out"), err=spec.err or str(folder / "err"), tied=start.tied)


def _sizes(spec: ProcessSpec | None) -> dict[Stream, int]:
    """How long the logs are before this start: only what comes after is this start's word."""
    streams: dict[Stream, str] = {"err": spec.err, "out": spec.out} if spec else {}
    found: dict[Stream, int] = {}
    for stream, path in streams.items():
        try:
            found[stream] = Path(path).stat().st_size
        except OSError:
            found[stream] = 0
    return found


def _wait_ready(
    waiting: Waiting, where: Where, spec: ProcessSpec | None, handle: Handle | None, before: Mapping[Stream, int]
) -> None:
    """Ask until yes. The process is looked at after the answer: a foreign program may be answering on its port."""
    clock, name = waiting.clock, waiting.service.name
    probe = waiting.service.probe(where)
    deadline_ns = clock.now_ns() + round(waiting.ready_timeout_s * NS_PER_S)
    pause_s, said = FIRST_PAUSE_S, ""
    while True:
        reason = waiting.start.check(probe, _run_with(spec, where))
        status = waiting.executor.status([handle])[0] if handle else None
        if handle and status and status.ended:
            raise _died(waiting, where, handle, status, before)
        if reason is None:
            return
        if waiting.stop_requested():
            raise Interrupted(f"interrupted while waiting for service {name}")
        if clock.now_ns() >= deadline_ns:
            raise _too_late(waiting, where, handle, status, reason, before)
        if reason != said:
            waiting.on_progress(f"{name}: waiting, last answer: {reason}")
            said = reason
        clock.sleep_s(min(pause_s, max(0.001, (deadline_ns - clock.now_ns()) / NS_PER_S)))
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.3)


def _run_with(spec: ProcessSpec | None, where: Where) -> ready.Run:
    """Runs an exec probe in the service's own environment and folder."""

    def run(argv: tuple[str, ...]) -> str | None:
        env, pass_env = (spec.env, spec.pass_env) if spec else ({}, ())
        built = environment.build(os.environ, env, pass_env, process=argv[0])
        done = call(argv, timeout_s=EXEC_PROBE_WITHIN_S, env=built, cwd=where.folder)
        if done.exit_code == 0:
            return None
        how = f"exit code {done.exit_code}" if done.signal is None else f"killed by signal {done.signal}"
        how = f"did not end within {EXEC_PROBE_WITHIN_S:.0f} s" if done.timed_out else how
        said = (done.err or done.out).decode("utf-8", "replace").strip().splitlines()
        return f"{' '.join(argv)}: {how}{f': {said[-1]}' if said else ''}"

    return run


def _last_words(waiting: Waiting, handle: Handle, before: Mapping[Stream, int]) -> list[str]:
    """The last lines since this start; a log that grew by more than a megabyte is read from its end."""
    limit = 1 << 20
    for stream, size in before.items():
        data = waiting.executor.read_output(handle, stream, offset=size, limit=limit)
        if len(data) == limit:
            return last_lines(waiting.executor, handle, QUOTED_LINES)
        lines = [line.rstrip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return lines[-QUOTED_LINES:]
    return []


def _died(
    waiting: Waiting, where: Where, handle: Handle, status: ProcessStatus, before: Mapping[Stream, int]
) -> ServiceError:
    lines = _last_words(waiting, handle, before)
    taken = bool(waiting.service.ports) and any(_TAKEN.search(line) for line in lines)
    hints = [waiting.service.explain(lines), f"full log: {where.folder}/err"]
    return (PortTaken if taken else ServiceError)(
        f"died while starting ({status.describe()})",
        where=f"service {waiting.service.name}",
        quoted=lines,
        hint="; ".join(hint for hint in hints if hint),
    )


def _too_late(
    waiting: Waiting,
    where: Where,
    handle: Handle | None,
    status: ProcessStatus | None,
    reason: str,
    before: Mapping[Stream, int],
) -> ServiceError:
    name, limit = waiting.service.name, format_duration(waiting.ready_timeout_s)
    lines = _last_words(waiting, handle, before) if handle else []
    who = f" ({_who(handle)}on {where.host})" if handle else ""
    if status is not None and status.state is ProcessState.UNKNOWN:
        reason += f"; the state of its process is not known: {status.reason}"
    if handle:
        longer = f"raise services.{name}.ready_timeout (now {limit}) if it needs longer"
        hints = [longer, waiting.service.explain(lines), f"full log: {where.folder}/err"]
    else:
        hints = ["aifbench starts nothing for it: see that it is there, and that its address is right"]
    return ServiceError(
        f"not ready after {limit}{who}: {reason}",
        where=f"service {name}",
        quoted=lines,
        hint="; ".join(hint for hint in hints if hint),
    )


def _who(handle: Handle) -> str:
    pid = handle.record.get("pid")
    return f"pid {pid} " if pid else ""


def _facts(service: Service, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
    """What it says about itself. One that does not say is still good for load: the reason is recorded instead."""
    try:
        return dict(service.describe(endpoints))
    except (ServiceError, ExecutorError) as error:
        return {"version": None, "reason": str(error)}


def _packages(service: Service) -> dict[str, str | None]:
    """Installed versions of the distributions it names in `requires`; None for one that is absent."""
    found: dict[str, str | None] = {}
    for name in service.requires:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
