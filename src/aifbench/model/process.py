"""What executors start and report: a process specification, a handle, a status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class ProcessSpec:
    """One process to start, as data.

    `argv` never holds a secret: `pass_env` names variables of the controller's environment that the process may
    read, `env` holds plain values. Everything else of the environment is left out but for a short allow-list.
    `out` and `err` are files that the executor creates (parents too) and appends to.
    `tied` processes end when the controller ends, however it ends; others go on until they are stopped.
    `cpus` pins the process to those CPU numbers when it is not empty.
    """

    name: str
    argv: tuple[str, ...]
    folder: str
    env: Mapping[str, str] = field(default_factory=dict)
    pass_env: tuple[str, ...] = ()
    out: str = ""
    err: str = ""
    tied: bool = True
    grace_s: float = 10.0
    cpus: tuple[int, ...] = ()


class ProcessState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProcessUsage:
    """Resource usage of a process and its descendants, as the kernel counted it; None where it is not known."""

    user_s: float | None = None
    system_s: float | None = None
    max_rss_bytes: int | None = None
    wall_s: float | None = None


@dataclass(frozen=True)
class ProcessStatus:
    """`exit_code` is None while running and when a signal ended the process (then `signal` is its number)."""

    state: ProcessState
    exit_code: int | None = None
    signal: int | None = None
    usage: ProcessUsage = field(default_factory=ProcessUsage)
    reason: str = ""

    @property
    def ended(self) -> bool:
        return self.state is ProcessState.EXITED

    def describe(self) -> str:
        """`exit code 3`, `killed by signal 9`, `running`."""
        if self.signal is not None:
            return f"killed by signal {self.signal}"
        if self.exit_code is not None:
            return f"exit code {self.exit_code}"
        return f"{self.state.value}{f' ({self.reason})' if self.reason else ''}"


@dataclass(frozen=True)
class Handle:
    """Names one started process. `record` is plain JSON: stored in the journal, it is enough to attach again."""

    name: str
    executor: str
    record: Mapping[str, Any]
