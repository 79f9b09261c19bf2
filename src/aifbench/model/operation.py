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

WARMUP = "warmup"
STEADY = "steady"
COOLDOWN = "cooldown"
PHASES = (WARMUP, STEADY, COOLDOWN)


class Operation:
    """One unit of work: `seq` counts over all workers of a trial, `kind` is its name (`chat`, `get`, `search`).

    `error` is a short, stable word for the kind of failure (`refused`, `reset`, `http-500`, `sqlstate-40001`, …) and
    `note` a longer text. `detail` belongs to the workload: what it keeps to fill its own columns after the load.
    """

    __slots__ = (
        "bytes_in", "bytes_out", "detail", "end", "error", "first", "intended", "kind", "last", "note", "seq", "start",
        "status",
    )  # fmt: skip

    def __init__(self, seq: int, kind: str, intended: int) -> None:
        self.seq = seq
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

    def fail(self, error: str, note: str = "", status: str = ERROR) -> None:
        self.status = status
        self.error = error
        self.note = note[:500]
