"""The load of one load point, fully resolved: what the schedule is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Load:
    """How operations are offered.

    `arrival` is a name in the arrival table (open loop: `constant`, `poisson`, …) or `closed` (`concurrency` users,
    each waiting `think_time_s` between operations). The load is offered for `warmup_s + duration_s`, or until
    `operations` have started when that is given. `max_in_flight` caps open-loop operations in flight;
    `when_full` says whether an operation that finds no free slot waits (counted as schedule lag) or is dropped.
    `timeout_s` bounds one operation from its actual start; `drain_s` bounds the wait for operations in flight
    after the last intended start. `workers` is the number of load-generating processes.
    `shape` carries further arguments of the arrival process.
    """

    arrival: str
    duration_s: float
    warmup_s: float = 0.0
    rate_per_s: float | None = None
    concurrency: int | None = None
    think_time_s: float = 0.0
    operations: int | None = None
    max_in_flight: int | None = None
    when_full: Literal["queue", "drop"] = "queue"
    timeout_s: float = 60.0
    drain_s: float = 30.0
    workers: int = 1
    shape: Mapping[str, Any] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        return self.arrival == "closed"

    @property
    def length_s(self) -> float:
        """Seconds from T0 to the last intended start."""
        return self.warmup_s + self.duration_s
