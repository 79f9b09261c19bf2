"""A server as the child of a launcher: it dies with the launcher, and the launcher decides how it is asked to end."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping
from typing import NoReturn

from aifbench.services.launch.ending import refuse

_PR_SET_PDEATHSIG = 1
_OURS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


def spawn(argv: list[str], env: Mapping[str, str]) -> int:
    """Start a program and return its process id; the kernel kills it when this process dies, however it dies."""
    parent = os.getpid()
    libc = ctypes.CDLL(None)
    child = os.fork()
    if child:
        return child
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    return become(argv, env)


def become(argv: list[str], env: Mapping[str, str]) -> NoReturn:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
    try:
        os.execve(argv[0], argv, env)  # noqa: S606 - launchers exist to start their server
    except OSError as error:
        refuse(f"{argv[0]}: {error.strerror}", code=127)


def serve(argv: list[str], env: Mapping[str, str], *, ask: signal.Signals, patience_s: float) -> int:
    """Run a server until it ends; returns its exit code (negative: a signal's number), 0 when it had to be killed.

    On SIGTERM or SIGINT it is sent `ask`; `patience_s` later it is killed.
    """
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    server = spawn(argv, env)
    asked = False
    while True:
        caught = signal.sigtimedwait(_OURS, patience_s) if asked else signal.sigwaitinfo(_OURS)
        ended, status = os.waitpid(server, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if caught is None:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)
            return 0
        if caught.si_signo != signal.SIGCHLD and not asked:
            asked = True
            os.kill(server, ask)
