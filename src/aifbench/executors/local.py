"""Processes on this machine, each under a small supervisor (see `supervisor.py`) that ends what it started.

The state of a process is in two files of a folder of its own, `<spec.folder>/.process/<name>-<mark>/`: `state.json`
(who runs) and `exit.json` (how it ended). So any controller that has a handle's record can ask and stop, and asking
costs no fork. A process that is gone and left no exit.json lost its supervisor: its exit code is not known.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import select
import signal as signals
import socket
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from aifbench.clock import NS_PER_S, SYSTEM, monotonic_ns
from aifbench.errors import ExecutorError, StoreError
from aifbench.executors import environment, procfs
from aifbench.executors.base import Stream
from aifbench.executors.ports import LOOPBACK, FreePorts
from aifbench.executors.program import find_program
from aifbench.executors.supervisor import LIFELINE_FD, REPLY_FD, REQUEST_FD, write_json
from aifbench.model.process import Handle, ProcessSpec, ProcessState, ProcessStatus, ProcessUsage

SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))
REPLY_WITHIN_S = 30.0
"""A supervisor answers in some 20 ms; a machine that is out of memory or swaps may take longer."""
STUCK_AFTER_S = 35.0
"""How long past the grace a supervisor may take to end its tree: a little more than it gives itself."""
LOST = "its supervisor ended without a record (killed, or its disk is full), so the exit code is not known"
FIELDS = ("mark", "boot", "state_folder", "pid", "start", "supervisor", "supervisor_start", "out", "err", "grace_s")


class LocalExecutor:
    """Starts processes here. One per controller; `close` it at the end."""

    name = "local"
    summary = "Starts processes on this machine"

    def __init__(self) -> None:
        self._ports = FreePorts()
        self._boot = procfs.boot_id()
        self._numbers = count()
        self._lifeline_read, self._lifeline_write = os.pipe()
        self._own: dict[str, Handle] = {}  # mark → handle, of tied processes that were not seen to end
        self._unreaped: set[int] = set()
        self._ended: dict[str, ProcessStatus] = {}
        self._closed = False

    def place(self, ports: Sequence[str]) -> tuple[str, dict[str, int]]:
        return LOOPBACK, self._ports.take(ports)

    def submit(self, spec: ProcessSpec) -> Handle:
        if self._closed:
            raise ExecutorError("the executor is closed", where=spec.name)
        request = self._request(spec)
        state = _start_supervisor(spec, request, self._lifeline_read)
        self._unreaped.add(state["supervisor"])
        handle = Handle(spec.name, self.name, state)
        if spec.tied:
            self._own[state["mark"]] = handle
        return handle

    def status(self, handles: Sequence[Handle]) -> list[ProcessStatus]:
        self._reap()
        return [self._status(handle.record) for handle in handles]

    def signal(self, handle: Handle, number: int) -> None:
        record = handle.record
        if record["boot"] != self._boot or not procfs.same_alive(record["pid"], record["start"]):
            return
        try:
            os.killpg(record["pid"], number)
        except ProcessLookupError:
            return
        except (OSError, ValueError) as error:
            raise ExecutorError(f"cannot send signal {number}: {error}", where=handle.name) from error

    def stop(self, handles: Sequence[Handle], grace_s: float | None = None) -> list[ProcessStatus]:
        deadline_ns = monotonic_ns()
        for handle in handles:
            grace = handle.record["grace_s"] if grace_s is None else grace_s
            deadline_ns = max(deadline_ns, monotonic_ns() + round((grace + STUCK_AFTER_S) * NS_PER_S))
            self._ask_to_stop(handle.record, grace, override=grace_s is not None)
        waiting, pause_s = list(handles), 0.002
        while waiting:
            waiting = [handle for handle in waiting if not self._ended_now(handle)]
            if waiting and monotonic_ns() > deadline_ns:
                for handle in waiting:
                    self._end_without_supervisor(handle, 0.0)
                break
            if waiting:
                SYSTEM.sleep_s(pause_s)
                pause_s = min(0.05, pause_s * 1.5)
        return self.status(handles)

    def read_output(self, handle: Handle, stream: Stream, offset: int = 0, limit: int = 65536) -> bytes:
        try:
            with Path(handle.record[stream]).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(offset if offset >= 0 else max(0, size + offset))
                return file.read(limit)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ExecutorError(f"cannot read its {stream} file: {error}", where=handle.name) from error

    def attach(self, record: Mapping[str, Any]) -> Handle:
        absent = [field for field in ("name", *FIELDS) if field not in record]
        if absent:
            raise ExecutorError(f"not a record of a local process: {', '.join(absent)} missing")
        return Handle(str(record["name"]), self.name, dict(record))

    def find(self, folder: str) -> list[Handle]:
        found = []
        for path in sorted(Path(folder).absolute().rglob(".process/*/state.json")):
            with contextlib.suppress(OSError, ValueError, ExecutorError):
                handle = self.attach(json.loads(path.read_text(encoding="utf-8")))
                if not self.status([handle])[0].ended:
                    found.append(handle)
        return found

    def close(self) -> None:
        if self._closed:
            return
        self.stop(list(self._own.values()))
        self._closed = True
        self._reap()
        os.close(self._lifeline_write)
        os.close(self._lifeline_read)

    def _request(self, spec: ProcessSpec) -> dict[str, Any]:
        """Everything the supervisor needs. Only this goes through a pipe; no value of the environment is stored."""
        if not spec.argv:
            raise ExecutorError("has no command", where=spec.name)
        mark = f"{os.getpid():x}-{monotonic_ns():x}-{next(self._numbers):x}"
        folder = Path(spec.folder).absolute()
        state_folder = folder / ".process" / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', spec.name)[:80]}-{mark}"
        out, err = (str(folder / given) if given else str(state_folder / name) for given, name in _streams(spec))
        env = environment.build(os.environ, spec.env, spec.pass_env, process=spec.name)
        env[environment.MARK] = mark
        program = find_program(spec.argv[0], str(folder), env.get("PATH", ""), process=spec.name)
        try:
            state_folder.mkdir(parents=True)
            for path in (out, err):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(f"its folder cannot be made: {error}", spec) from error
        state = {
            "name": spec.name, "mark": mark, "boot": self._boot, "host": socket.gethostname(),
            "state_folder": str(state_folder), "out": out, "err": err, "tied": spec.tied, "grace_s": spec.grace_s,
        }  # fmt: skip
        return {
            "state": state,
            "program": program,
            "argv": list(spec.argv), "env": env, "folder": str(folder), "out": out, "err": err,
            "cpus": list(spec.cpus), "tied": spec.tied, "grace_s": spec.grace_s,
            "state_file": str(state_folder / "state.json"), "exit_file": str(state_folder / "exit.json"),
            "stop_file": str(state_folder / "stop.json"),
        }  # fmt: skip

    def _reap(self) -> None:
        """Collect supervisors that ended, so that none stays a zombie."""
        for pid in list(self._unreaped):
            try:
                ended, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended = pid
            if ended:
                self._unreaped.discard(pid)

    def _status(self, record: Mapping[str, Any]) -> ProcessStatus:
        known = self._ended.get(record["mark"])
        if known is not None:
            return known
        here = record["boot"] == self._boot
        supervised = here and procfs.same_alive(record["supervisor"], record["supervisor_start"])
        found = _read_exit(record)  # after the look at the supervisor: it writes the file before it ends
        if found is not None:
            self._ended[record["mark"]] = found
            self._own.pop(record["mark"], None)
            return found
        if supervised:
            return ProcessStatus(ProcessState.RUNNING)
        if not here:
            return ProcessStatus(ProcessState.UNKNOWN, reason=_elsewhere(record))
        left = _leftovers(record)
        if left:
            return ProcessStatus(ProcessState.UNKNOWN, reason=f"{LOST}; still running: pid {', '.join(map(str, left))}")
        return ProcessStatus(ProcessState.EXITED, reason=LOST)

    def _ended_now(self, handle: Handle) -> bool:
        return self._gone(handle, self.status([handle])[0])

    def _gone(self, handle: Handle, status: ProcessStatus) -> bool:
        """Whether nothing of it runs here: it ended, or it was started on another machine or before a restart."""
        return status.ended or handle.record["boot"] != self._boot

    def _ask_to_stop(self, record: Mapping[str, Any], grace_s: float, *, override: bool) -> None:
        status = self._status(record)
        if status.state is ProcessState.RUNNING:
            if override:
                with contextlib.suppress(OSError):  # without the file the process's own grace counts
                    write_json(str(Path(record["state_folder"], "stop.json")), {"grace_s": grace_s})
            _signal_exactly(record["supervisor"], record["supervisor_start"], signals.SIGTERM)
        elif status.state is ProcessState.UNKNOWN and record["boot"] == self._boot:
            self._end_without_supervisor(Handle(record["name"], self.name, record), grace_s)

    def _end_without_supervisor(self, handle: Handle, grace_s: float) -> None:
        """TERM, grace, KILL to what a tree left behind whose supervisor was killed or does not answer."""
        record = handle.record
        _signal_exactly(record["supervisor"], record["supervisor_start"], signals.SIGKILL)
        self._reap()
        term_until_ns = monotonic_ns() + round(grace_s * NS_PER_S)
        give_up_ns = term_until_ns + round(STUCK_AFTER_S * NS_PER_S)
        number = signals.SIGTERM if grace_s > 0 else signals.SIGKILL
        asked: set[int] = set()
        while left := _leftovers(record):
            now_ns = monotonic_ns()
            if number is signals.SIGTERM and now_ns > term_until_ns:
                number, asked = signals.SIGKILL, set()
            for pid in left:
                if pid not in asked:
                    asked.add(pid)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            if now_ns > give_up_ns:
                raise ExecutorError(f"pid {', '.join(map(str, left))} cannot be ended by SIGKILL", where=handle.name)
            SYSTEM.sleep_s(0.01)


def _streams(spec: ProcessSpec) -> tuple[tuple[str, str], tuple[str, str]]:
    return (spec.out, "out"), (spec.err, "err")


def _start_supervisor(spec: ProcessSpec, request: Mapping[str, Any], lifeline: int) -> dict[str, Any]:
    """Start it, hand it the request, wait for its reply; raises ExecutorError when the program did not start."""
    request_read, request_write = os.pipe()
    reply_read, reply_write = os.pipe()
    actions: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_DUP2, request_read, 100),  # away from the low numbers, which the next lines overwrite
        (os.POSIX_SPAWN_DUP2, reply_write, 101),
        (os.POSIX_SPAWN_DUP2, lifeline, 102),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        (os.POSIX_SPAWN_DUP2, 100, REQUEST_FD),
        (os.POSIX_SPAWN_DUP2, 101, REPLY_FD),
        (os.POSIX_SPAWN_DUP2, 102, LIFELINE_FD),
        *((os.POSIX_SPAWN_CLOSE, number) for number in (100, 101, 102)),
    ]
    if not spec.tied:
        actions.append((os.POSIX_SPAWN_CLOSE, LIFELINE_FD))
    argv = [sys.executable, "-I", "-S", "-X", "utf8", SUPERVISOR, spec.name]
    env = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    try:
        try:
            pid = os.posix_spawn(sys.executable, argv, env, file_actions=actions, setsid=True)
        except OSError as error:
            raise ExecutorError(f"cannot start a process: {error.strerror}", where=spec.name) from error
        finally:
            os.close(request_read)
            os.close(reply_write)
        _write_all(request_write, json.dumps(request).encode())
    finally:
        os.close(request_write)
    try:
        answer = _read_reply(reply_read, pid)
    finally:
        os.close(reply_read)
    if "error" in answer:
        os.waitpid(pid, 0)
        raise _refused(str(answer["error"]), spec)
    return answer


_NO_ROOM = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS))


def _refused(text: str, spec: ProcessSpec) -> ExecutorError | StoreError:
    """A full disk is no fault of the program that was to be started."""
    if any(words in text for words in _NO_ROOM):
        return StoreError(text, where=spec.name, hint=f"make room on the file system of {spec.folder}")
    return ExecutorError(text, where=spec.name)


def _write_all(fd: int, data: bytes) -> None:
    """All of it; a reader that is gone shows in the missing reply."""
    view = memoryview(data)
    with contextlib.suppress(BrokenPipeError):
        while view:
            view = view[os.write(fd, view) :]


def _read_reply(fd: int, pid: int) -> dict[str, Any]:
    text = b""
    deadline_ns = monotonic_ns() + round(REPLY_WITHIN_S * NS_PER_S)
    while True:
        left_s = (deadline_ns - monotonic_ns()) / NS_PER_S
        ready, _, _ = select.select([fd], [], [], max(0.0, left_s))
        if not ready:
            os.kill(pid, signals.SIGKILL)
            return {"error": f"the supervisor did not answer within {REPLY_WITHIN_S:.0f} s"}
        part = os.read(fd, 65536)
        if not part:
            break
        text += part
    if not text:
        return {"error": "the supervisor ended before it started the program"}
    found: dict[str, Any] = json.loads(text)
    return found


def _signal_exactly(pid: int, start: int, number: int) -> None:
    """Signal this very process and never one that has taken over its pid."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if procfs.same_alive(pid, start):
            signals.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return
    finally:
        os.close(fd)


def _leftovers(record: Mapping[str, Any]) -> list[int]:
    found = procfs.leftovers(record["mark"], record["supervisor"], record["supervisor_start"])
    return [info.pid for info in found]


def _elsewhere(record: Mapping[str, Any]) -> str:
    host = record.get("host", "")
    if host and host != socket.gethostname():
        return f"it was started on {host}; ask there"
    return "this machine was restarted since"


def _read_exit(record: Mapping[str, Any]) -> ProcessStatus | None:
    try:
        found = json.loads(Path(record["state_folder"], "exit.json").read_text())
    except (OSError, ValueError):
        return None
    usage = ProcessUsage(found["user_s"], found["system_s"], found["max_rss_bytes"], found["wall_s"])
    reasons = [found["reason"]] if found["reason"] else []
    if found["left"]:
        reasons.append(f"could not be ended: pid {', '.join(map(str, found['left']))}")
    return ProcessStatus(ProcessState.EXITED, found["exit_code"], found["signal"], usage, "; ".join(reasons))
