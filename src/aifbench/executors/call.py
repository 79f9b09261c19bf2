"""Run one program and wait for it: for workloads whose operation is a program (a client command, fio).

Unlike the executors it keeps no record and cannot be attached to; the program dies with the thread that called.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.errors import ExecutorError
from aifbench.executors.environment import build
from aifbench.executors.program import find_program
from aifbench.model.process import ProcessUsage

KEEP_BYTES = 4 << 20
"""Of each output stream this much of its end is read; the rest is left out."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Completed:
    """`exit_code` is None when a signal ended it (`signal` is its number); `timed_out` when we sent that signal."""

    exit_code: int | None
    signal: int | None
    out: bytes
    err: bytes
    seconds: float
    timed_out: bool = False
    usage: ProcessUsage = field(default_factory=ProcessUsage)


def _dying_with(parent: int) -> Callable[[], None]:
    """Between fork and exec. The kernel sends the signal when the thread that forked ends, and it waits for us."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)

    return prepare


def call(
    argv: Sequence[str], *, timeout_s: float, env: Mapping[str, str], cwd: str | Path, grace_s: float = 0.5
) -> Completed:
    """Run `argv` in a process group of its own and wait. After `timeout_s` the group gets TERM, then KILL.

    It sees the short allow-list of this process's environment and `env`. Raises ExecutorError when it cannot be
    started. `usage` counts the program and those descendants that it waited for; `seconds` run
    from just before the start until its end was seen.
    """
    environment = build(os.environ, env, (), process=argv[0])
    program = find_program(argv[0], str(cwd), environment.get("PATH", ""), process=argv[0])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = monotonic_ns()
        try:
            process = subprocess.Popen(
                [program, *argv[1:]],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=_dying_with(os.getpid()),  # noqa: PLW1509 - one system call through a library loaded before
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ExecutorError(f"{argv[0]} could not be started: {error}") from error
        try:
            status, usage, timed_out = _wait(process.pid, begun + round(timeout_s * NS_PER_S), grace_s)
        finally:
            _end_group(process.pid, signal.SIGKILL)  # whatever the program left running
        seconds = (monotonic_ns() - begun) / NS_PER_S
        code = os.waitstatus_to_exitcode(status)
        process.returncode = code
        return Completed(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            out=_tail(out),
            err=_tail(err),
            seconds=seconds,
            timed_out=timed_out,
            usage=ProcessUsage(usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024, seconds),
        )


def _wait(pid: int, deadline_ns: int, grace_s: float) -> tuple[int, resource.struct_rusage, bool]:
    """Wait status, usage, and whether the time was up first."""
    descriptor = os.pidfd_open(pid)
    try:
        timed_out = not _ended(descriptor, (deadline_ns - monotonic_ns()) / NS_PER_S)
        if timed_out:
            _end_group(pid, signal.SIGTERM)
            if not _ended(descriptor, grace_s):
                _end_group(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    finally:
        os.close(descriptor)
    return status, usage, timed_out


def _ended(descriptor: int, limit_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, limit_s * 1000)))


def _end_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _tail(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - KEEP_BYTES))
    return file.read()
