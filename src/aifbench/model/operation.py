"""The record of one operation while it is in flight, and the words for how it ended.

This is the only mutable noun: one is filled in per operation in the hot loop, so it is small and has slots.
All times are monotonic nanoseconds of the worker's machine; 0 means that it did not happen.
"""

from __future__ import annotations

from typing import Any

OK = "ok"
ERROR = "error"
TIMEOUT = "timeout"
CANCELLED = "cancelled"
UNFINISHED = "unfinished"
DROPPED = "dropped"
STATUSES = (OK, ERROR, TIMEOUT, CANCELLED, UNFINISHED, DROPPED)

RETRY_STEP = 1 << 40
"""More operations than any schedule holds: attempt k of operation s has the number s + k · RETRY_STEP."""

STALE = "stale"
"""The error of a request that met a reused connection which the server had closed before it answered; the operation
counts as cancelled, as nothing was asked of the target."""

WARMUP = "warmup"
STEADY = "steady"
COOLDOWN = "cooldown"
PHASES = (WARMUP, STEADY, COOLDOWN)


class Operation:
    """One unit of work: `seq` counts over all workers of a trial, `kind` is its name (`chat`, `get`, `search`).

    `error` is a short, stable word for the kind of failure (`refused`, `reset`, `http-500`, `sqlstate-40001`, …) and
    `note` a longer text. A retry has the `seq` of the operation whose work it repeats, and its `attempt` is above 0.
    `detail` belongs to the workload: what it keeps to fill its own columns after the load.
    """

    __slots__ = (
        "attempt", "bytes_in", "bytes_out", "detail", "end", "error", "first", "intended", "kind", "last", "note",
        "seq", "start", "status",
    )  # fmt: skip

    def __init__(self, seq: int, kind: str, intended: int, attempt: int = 0) -> None:
        self.seq = seq
        self.attempt = attempt
        self.kind = kind
        self.intended = intended
        self.start = 0
        self.first = 0
        self.last = 0
        self.end = 0
        self.status = ""
        self.error = ""
        self.note = ""
        self.bytes_out = 0
        self.bytes_in = 0
        self.detail: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Compact pickles: workers move operations to disk while the load runs."""
        return _again, tuple(getattr(self, name) for name in _FIELDS)

    @property
    def number(self) -> int:
        """The operation's own number in the samples: `seq`, and for a retry one beyond every schedule."""
        return self.seq + self.attempt * RETRY_STEP

    @property
    def retry_of(self) -> int | None:
        """The number of the failed operation that this one repeats; None unless it is a retry."""
        return self.number - RETRY_STEP if self.attempt else None

    def fail(self, error: str, note: str = "", status: str = ERROR) -> None:
        self.status = status
        self.error = error
        self.note = note[:500]


_FIELDS = (
    "seq", "kind", "intended", "start", "first", "last", "end", "status", "error", "note", "bytes_out", "bytes_in",
    "detail", "attempt",
)  # fmt: skip


def _again(*values: Any) -> Operation:
    operation = Operation(*values[:3])
    (
        operation.start, operation.first, operation.last, operation.end, operation.status, operation.error,
        operation.note, operation.bytes_out, operation.bytes_in, operation.detail, operation.attempt,
    ) = values[3:]  # fmt: skip
    return operation
