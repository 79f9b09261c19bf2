"""The small process that stands between the controller and one started process, and ends what it started.

Run as `python -I -S supervisor.py NAME` with a request (JSON) on descriptor 0, a reply pipe on 3 and, for tied
processes, the lifeline on 4. It uses the standard library only and no other module of aifbench, so that it starts in
milliseconds; for that reason it reads the monotonic clock itself.

What it sees to:
- The child runs in a process group of its own and gets SIGKILL when the supervisor dies (PR_SET_PDEATHSIG).
- The supervisor is a child subreaper (PR_SET_CHILD_SUBREAPER), so descendants that daemonise are adopted by it.
- SIGTERM, or the end of the lifeline (only the controller holds its other end, so this is the controller's death,
  however it died), means stop: TERM to the group, the grace, then KILL to every descendant.
- When the child has ended, whatever descendants are left are ended too; then `exit.json` is written.

prctl(2), pid_namespaces(7) and proc(5) of the Linux manual pages describe the three mechanisms.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
from time import monotonic_ns
from typing import Any

REQUEST_FD, REPLY_FD, LIFELINE_FD = 0, 3, 4
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LEFTOVER_GRACE_S = 2.0
"""Descendants that outlive the child get TERM and this long (or the grace, if shorter) before KILL."""
GIVE_UP_S = 30.0
"""A process that does not die of KILL for this long (uninterruptible I/O) is named in exit.json and left."""


def write_json(path: str, data: dict[str, Any]) -> None:
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:  # noqa: PTH123  # pathlib would double the start-up time
        json.dump(data, file, indent=1, sort_keys=True)
    os.replace(temporary, path)  # noqa: PTH105  # as above


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command name: state, ppid, pgrp, session, …"""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # as above
        return file.read().rpartition(")")[2].split()


def descendants(root: int) -> list[int]:
    """Every living descendant of `root`; zombies are left out."""
    table: dict[int, list[str]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  # as above
        if entry.isdigit():
            try:
                table[int(entry)] = stat_fields(int(entry))
            except OSError:
                continue
    children: dict[int, list[int]] = {}
    for pid, fields in table.items():
        children.setdefault(int(fields[1]), []).append(pid)
    found: list[int] = []
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, ())
        if table[pid][0] not in "ZX":
            found.append(pid)
    return found


def start_ticks(pid: int) -> int:
    """Start time of a process in clock ticks since boot: with the pid it names a process for good."""
    return int(stat_fields(pid)[19])


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def send_group(pgid: int, number: int) -> None:
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return


class Refused(Exception):
    """The child could not be started; the text goes to the controller."""


def start_child(request: dict[str, Any], prctl: Any) -> int:
    """Fork and execute; raises Refused with what the kernel said when any step before the program fails."""
    said_read, said_write = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        step = "cannot be set up"
        try:
            os.setpgid(0, 0)
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)
            step = f"cannot enter {request['folder']}"
            os.chdir(request["folder"])
            if request["cpus"]:
                step = f"cannot be pinned to CPUs {request['cpus']}"
                os.sched_setaffinity(0, request["cpus"])
            for fd, path in ((1, request["out"]), (2, request["err"])):
                step = f"cannot open {path}"
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), fd)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(ignored, signal.SIG_DFL)
            step = f"cannot be executed: {request['program']}"
            os.execve(request["program"], request["argv"], request["env"])  # noqa: S606  # no shell is meant
        except OSError as error:
            os.write(said_write, f"{step}: {error.strerror}".encode())
        except BaseException as error:  # noqa: BLE001  # a forked child must never return into the supervisor
            os.write(said_write, f"{step}: {error!r}".encode())
        os._exit(127)
    os.close(said_write)
    said = b""
    while part := os.read(said_read, 4096):
        said += part
    os.close(said_read)
    if said:
        os.waitpid(child, 0)
        raise Refused(said.decode("utf-8", "replace"))
    return child


class Supervisor:
    """Watches one child until nothing of its tree is left."""

    def __init__(self, request: dict[str, Any], child: int, started_ns: int) -> None:
        self.request = request
        self.child = child
        self.started_ns = started_ns
        self.status: int | None = None
        self.wall_s: float | None = None
        self.reason = ""
        self.stopping = False
        self.swept = False
        self.kill_at_ns: int | None = None
        self.give_up_at_ns: int | None = None

    def reap(self) -> bool:
        """Collect what has ended; whether any child (and so any descendant) is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self.status = status
                self.wall_s = (monotonic_ns() - self.started_ns) / 1e9

    def kill_after(self, seconds: float) -> None:
        at_ns = monotonic_ns() + round(seconds * 1e9)
        self.kill_at_ns = at_ns if self.kill_at_ns is None else min(self.kill_at_ns, at_ns)

    def stop(self, reason: str) -> None:
        """TERM to the group; a later stop with a shorter grace still counts. A stopped process is woken to hear it."""
        if not self.stopping:
            self.stopping = True
            self.reason = reason
            if self.status is None:
                send_group(self.child, signal.SIGTERM)
                send_group(self.child, signal.SIGCONT)
        self.kill_after(self.grace_s())

    def grace_s(self) -> float:
        """The grace of the latest stop request, or the process's own."""
        try:
            with open(self.request["stop_file"], encoding="utf-8") as file:  # noqa: PTH123  # as in write_json
                return float(json.load(file)["grace_s"])
        except (OSError, ValueError, KeyError, TypeError):
            return float(self.request["grace_s"])

    def sweep_leftovers(self) -> None:
        """Once the child has ended: tell what it left behind to end as well."""
        if not self.swept:
            self.swept = True
            left = descendants(os.getpid())
            send(left, signal.SIGTERM)
            send(left, signal.SIGCONT)
            self.kill_after(min(LEFTOVER_GRACE_S, self.grace_s()))

    def kill_when_due(self) -> bool:
        """KILL every descendant once the grace is over; whether to give up on those that do not die of it."""
        now_ns = monotonic_ns()
        if self.kill_at_ns is None or now_ns < self.kill_at_ns:
            return False
        if self.give_up_at_ns is None:
            self.give_up_at_ns = now_ns + round(GIVE_UP_S * 1e9)
        send(descendants(os.getpid()), signal.SIGKILL)
        return now_ns > self.give_up_at_ns

    def pause_ms(self) -> int | None:
        """How long to wait for the next event; None for as long as it takes."""
        if self.kill_at_ns is None:
            return None
        return max(5, min(1000, (self.kill_at_ns - monotonic_ns()) // 1_000_000))

    def exit_record(self) -> dict[str, Any]:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = None if self.status is None else os.waitstatus_to_exitcode(self.status)
        return {
            "exit_code": code if code is not None and code >= 0 else None,
            "signal": -code if code is not None and code < 0 else None,
            "reason": self.reason,
            "user_s": usage.ru_utime,
            "system_s": usage.ru_stime,
            "max_rss_bytes": usage.ru_maxrss * 1024,
            "wall_s": self.wall_s,
            "left": descendants(os.getpid()),
        }


def watch(supervisor: Supervisor, wake_fd: int, asked: list[int], tied: bool) -> None:
    poll = select.poll()
    poll.register(wake_fd, select.POLLIN)
    if tied:
        poll.register(LIFELINE_FD, select.POLLIN)
    while supervisor.reap():
        if supervisor.status is not None:
            supervisor.sweep_leftovers()
        if supervisor.kill_when_due():
            break
        for fd, _ in poll.poll(supervisor.pause_ms()):
            if tied and fd == LIFELINE_FD:
                poll.unregister(LIFELINE_FD)
                supervisor.stop("the controller ended")
            else:
                os.read(wake_fd, 4096)
        if signal.SIGTERM in asked:
            asked.clear()
            supervisor.stop("stopped")
    write_json(supervisor.request["exit_file"], supervisor.exit_record())


def read_request() -> dict[str, Any]:
    text = b""
    while part := os.read(REQUEST_FD, 1 << 16):
        text += part
    found: dict[str, Any] = json.loads(text)
    return found


def reply(data: dict[str, Any]) -> None:
    os.write(REPLY_FD, json.dumps(data).encode())
    os.close(REPLY_FD)


def main() -> int:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    request = read_request()
    os.set_inheritable(REPLY_FD, False)
    if request["tied"]:
        os.set_inheritable(LIFELINE_FD, False)
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    asked: list[int] = []
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    started_ns = monotonic_ns()
    try:
        child = start_child(request, prctl)
    except Refused as error:
        reply({"error": str(error)})
        return 1
    state = {
        **request["state"],
        "pid": child,
        "start": start_ticks(child),
        "supervisor": os.getpid(),
        "supervisor_start": start_ticks(os.getpid()),
    }
    try:
        write_json(request["state_file"], state)
    except OSError as error:
        send_group(child, signal.SIGKILL)
        reply({"error": f"cannot write {request['state_file']}: {error.strerror}"})
        return 1
    reply(state)
    watch(Supervisor(request, child, started_ns), wake_read, asked, request["tied"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
