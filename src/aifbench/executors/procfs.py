"""What Linux tells about processes under /proc: identities that survive the reuse of a pid, and leftovers of a tree."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from aifbench.executors.environment import MARK


@dataclass(frozen=True)
class ProcessInfo:
    """`start` is the start time in clock ticks since boot: together with the pid and the boot it is unique."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start: int

    @property
    def alive(self) -> bool:
        return self.state not in "ZX"


def parse_stat(pid: int, text: str) -> ProcessInfo:
    """From the text of /proc/PID/stat; the command name in it may hold blanks and brackets (proc(5))."""
    fields = text.rpartition(")")[2].split()
    return ProcessInfo(pid, fields[0], int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def look(pid: int) -> ProcessInfo | None:
    """The process that has this pid now, or None."""
    try:
        return parse_stat(pid, Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    except (OSError, IndexError, ValueError):
        return None


def same_alive(pid: int, start: int) -> bool:
    """Whether the very process that had this pid and start time still runs; a zombie does not run."""
    info = look(pid)
    return info is not None and info.start == start and info.alive


def all_processes() -> list[ProcessInfo]:
    found = (look(int(entry)) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208  # names only: 10x faster
    return [info for info in found if info is not None]


def marked(pid: int, mark: str) -> bool:
    """Whether the process was started with this mark in its environment (inherited by all its descendants)."""
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def leftovers(mark: str, session: int, start: int) -> list[ProcessInfo]:
    """Living processes of a tree whose supervisor (leader of `session`, started at `start`) is gone.

    The mark finds those that left session and group; the session finds those that threw away their environment.
    A session whose leader's pid is in use again belongs to somebody else.
    """
    leader = look(session)
    mine = leader is None or leader.start == start
    return [
        info
        for info in all_processes()
        if info.alive
        and info.pid not in (os.getpid(), session)
        and info.start >= start
        and ((mine and info.session == session) or marked(info.pid, mark))
    ]


def boot_id() -> str:
    """Differs between machines and between boots, so a pid from elsewhere is never mistaken for one of ours."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
