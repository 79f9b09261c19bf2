"""What one worker has to start: its stripe of the one schedule, or its share of the users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aifbench.load.arrival.base import ARRIVALS
from aifbench.model.load import Load
from aifbench.model.operation import COOLDOWN, STEADY, WARMUP

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


@dataclass(frozen=True)
class Stripe:
    """Every `workers`-th operation, beginning with number `worker`.

    `starts_ns` are intended starts after T0 (empty in a closed loop), `users` the user numbers of this worker.
    `seed` is the trial's.
    """

    worker: int
    workers: int
    starts_ns: Starts | tuple[()]
    users: tuple[int, ...]
    seed: int = 0

    def starts_at(self, t0_ns: int) -> list[int]:
        """The intended starts as monotonic nanoseconds."""
        return [] if isinstance(self.starts_ns, tuple) else (self.starts_ns + t0_ns).tolist()

    def seq(self, index: int) -> int:
        """The number over all workers of this worker's operation `index`."""
        return self.worker + index * self.workers


def whole(load: Load, seed: int) -> Starts:
    """All intended starts of a trial, in nanoseconds after T0; cut to `load.operations` when that is given."""
    starts = ARRIVALS.load(load.arrival)().starts_ns(load, seed)
    return starts if load.operations is None else starts[: load.operations]


def stripe(load: Load, seed: int, worker: int, workers: int) -> Stripe:
    """Worker `worker` of `workers`. The union over all workers is `whole(load, seed)`."""
    if load.closed:  # without numpy, which takes a tenth of a second to import
        return Stripe(worker, workers, (), tuple(range(worker, load.concurrency or 0, workers)), seed)
    return Stripe(worker, workers, whole(load, seed)[worker::workers], (), seed)


def phase(intended_ns: int, warmup_end_ns: int, end_ns: int) -> str:
    """The phase of an operation by its intended start, all after T0."""
    if intended_ns < warmup_end_ns:
        return WARMUP
    return STEADY if intended_ns < end_ns else COOLDOWN
