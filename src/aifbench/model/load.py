"""The load of one load point, fully resolved: what the schedule is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ThinkDistribution = Literal["constant", "exponential", "uniform", "lognormal"]
Timestamps = Literal["auto", "kernel", "user"]
"""Who stamps what was received: the kernel (`auto`: where it and the client can), or the process that reads it."""


@dataclass(frozen=True)
class Retries:
    """A failed operation is followed by up to `attempts` operations of their own that do the same work again.

    `on` are error kinds, such as `reset`, `http-503` or `timeout`; `backoff_s` lies between the end of the failed one
    and the intended start of the next.
    """

    attempts: int
    on: tuple[str, ...]
    backoff_s: float = 0.0


@dataclass(frozen=True)
class Stop:
    """What ends a load before its time: a share of failures once `after` operations ended, or growing overload."""

    error_rate: float | None = None
    after: int = 50
    overload: bool = False


@dataclass(frozen=True)
class Load:
    """How operations are offered.

    `arrival` is a name in the arrival table (open loop: `constant`, `poisson`, …) or `closed` (`concurrency` users,
    each thinking `think_time_s` on average between operations; the users start within `ramp_up_s`). The load is
    offered for `warmup_s + duration_s + cooldown_s`, or until `operations` have started when that is given; only what
    is intended in the `duration_s` is steady. `rate_per_s` is the mean rate of the measured part.
    `max_in_flight` caps open-loop operations in flight; `when_full` says whether an operation that finds no free slot
    waits (counted as schedule lag) or is dropped.
    `timeout_s` bounds one operation from its actual start; `drain_s` bounds the wait for operations in flight
    after the last intended start. `workers` is the number of load-generating processes; with `workers_fixed` it stays
    that number whatever a trial shows.
    `shape` carries further arguments of the arrival process. `think_cv` is the coefficient of variation of a
    lognormal think time.
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
    cooldown_s: float = 0.0
    think_distribution: ThinkDistribution = "constant"
    think_cv: float = 1.0
    ramp_up_s: float = 0.0
    stop: Stop = Stop()
    retries: Retries | None = None
    timestamps: Timestamps = "auto"
    workers_fixed: bool = False

    @property
    def closed(self) -> bool:
        return self.arrival == "closed"

    @property
    def steady_end_s(self) -> float:
        """Seconds from T0 to the end of the measured part."""
        return self.warmup_s + self.duration_s

    @property
    def length_s(self) -> float:
        """Seconds from T0 to the last intended start."""
        return self.warmup_s + self.duration_s + self.cooldown_s
