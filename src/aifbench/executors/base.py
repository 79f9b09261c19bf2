"""The executor contract: submit, status in bulk, signal, stop, read output, attach again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from aifbench.model.process import Handle, ProcessSpec, ProcessStatus
from aifbench.registry import Table

Stream = Literal["out", "err"]


class Executor(Protocol):
    """Starts processes somewhere and answers for them. Every call may raise ExecutorError, nothing else."""

    name: str
    summary: str  # what it does, in the user's words

    def place(self, ports: Sequence[str]) -> tuple[str, dict[str, int]]:
        """A host name on which the next process will run and a free port there for each name."""
        ...

    def submit(self, spec: ProcessSpec) -> Handle:
        """Start it. Raises ExecutorError when the program does not exist or cannot be executed."""
        ...

    def status(self, handles: Sequence[Handle]) -> list[ProcessStatus]:
        """One answer per handle, in order; what nobody knows any more is `unknown`, never `exited`."""
        ...

    def signal(self, handle: Handle, number: int) -> None:
        """Send a signal to the whole process group; nothing happens when it has ended."""
        ...

    def stop(self, handles: Sequence[Handle], grace_s: float | None = None) -> list[ProcessStatus]:
        """TERM to each, wait up to the grace (the spec's own when None), KILL; returns when all have ended."""
        ...

    def read_output(self, handle: Handle, stream: Stream, offset: int = 0, limit: int = 65536) -> bytes:
        """Bytes of the out or err file from `offset` (negative: from the end)."""
        ...

    def attach(self, record: Mapping[str, Any]) -> Handle:
        """The handle again, from its stored record, in another controller process."""
        ...

    def find(self, folder: str) -> list[Handle]:
        """Of the processes whose spec's folder lies in `folder`, those not known to have ended, whoever started them.

        For what a controller started and died before it could write the handle down.
        """
        ...

    def close(self) -> None:
        """Let go of everything tied to this controller, ending tied processes that still run."""
        ...


EXECUTORS: Table[type[Executor]] = Table(
    "executor",
    {
        "local": "aifbench.executors.local:LocalExecutor",
        "fake": "aifbench.executors.fake:FakeExecutor",
    },
    group="aifbench.executors",
)


def last_lines(executor: Executor, handle: Handle, count: int = 12) -> list[str]:
    """The last lines that the process wrote to err, or to out when err is empty: what an error message quotes."""
    streams: tuple[Stream, ...] = ("err", "out")
    for stream in streams:
        text = executor.read_output(handle, stream, offset=-16384, limit=16384).decode("utf-8", "replace")
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-count:]
    return []
