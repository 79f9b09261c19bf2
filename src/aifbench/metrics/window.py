"""The common throughput window of a trial and the instants around it.

Every worker is busy throughout the window: it reaches from the last worker's first completion after warm-up to the
first worker's last start, or to the end of the measured part where starts had to wait for longer than that.
Connecting, loading data and collecting results lie outside.
An event counts when its stamp lies in (start, end]: the completion that opens the window is its fence post.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aifbench.metrics.columns import MISSING, Mask, Operations, Stamps
from aifbench.model.load import Load
from aifbench.model.operation import COOLDOWN, ERROR, OK, TIMEOUT

_NS = 1_000_000_000


@dataclass(frozen=True)
class Window:
    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.start_ns) / _NS

    def holds(self, stamps: Stamps) -> Mask:
        """Which stamps lie in (start, end]; `MISSING` ones do not."""
        return (stamps > self.start_ns) & (stamps <= self.end_ns)


@dataclass(frozen=True)
class NoWindow:
    """Why there is no time in which all workers were busy."""

    reason: str


@dataclass(frozen=True)
class Instants:
    """T0, end of warm-up, and end of the measured part, in monotonic nanoseconds."""

    t0_ns: int
    warmup_end_ns: int
    end_ns: int


def instants(workers: Sequence[Mapping[str, Any]], load: Load, operations: Operations) -> Instants:
    """From the workers' own words; without any, T0 is the first intended start."""
    known = [report for report in workers if isinstance(report.get("t0_ns"), int)]
    if known:
        t0 = min(int(report["t0_ns"]) for report in known)
    else:
        intended = operations.intended[operations.intended != MISSING]
        t0 = int(intended.min()) if len(intended) else 0
    told = [report["warmup_end_ns"] for report in known if isinstance(report.get("warmup_end_ns"), int)]
    warmup_end = max(told) if told else t0 + round(load.warmup_s * _NS)
    return Instants(t0, warmup_end, t0 + round(load.steady_end_s * _NS))


def common_window(operations: Operations, warmup_end_ns: int, end_ns: int) -> Window | NoWindow:
    """The window of all workers that have operations, inside the measured part that ends at `end_ns`."""
    completed = operations.status.among(OK, ERROR, TIMEOUT) & (operations.end >= warmup_end_ns)
    offered = operations.started & ~operations.words("phase").among(COOLDOWN)
    firsts: list[int] = []
    lasts: list[int] = []
    for worker in np.unique(operations.worker):
        mine = operations.worker == worker
        if not (mine & completed).any():
            return NoWindow(f"worker {worker} completed nothing after the warm-up")
        firsts.append(int(operations.end[mine & completed].min()))
        lasts.append(int(operations.start[mine & offered].max()) if (mine & offered).any() else MISSING)
    if not firsts:
        return NoWindow("there are no samples")
    window = Window(max(firsts), min(*lasts, end_ns))
    if window.end_ns <= window.start_ns:
        return NoWindow("the first completion after the warm-up came after the last start: the load was too short")
    if not (completed & window.holds(operations.end)).any():
        return NoWindow("no operation ended in the time in which all workers were busy: too few operations")
    return window
