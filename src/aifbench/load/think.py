"""Pauses of closed-loop users, and when each user begins: functions of seed and user number alone."""

from __future__ import annotations

import math
import random

from aifbench.model.load import Load


class Thinker:
    """The pauses of one user, one after the other: its k-th is the same in every run with the same seed."""

    def __init__(self, load: Load, seed: int, user: int) -> None:
        self._mean_ns = load.think_time_s * 1e9
        self._distribution = load.think_distribution
        self._random = random.Random(f"think {seed} {user}")
        self._sigma = math.sqrt(math.log1p(load.think_cv**2))

    def next_ns(self) -> int:
        """All four distributions have the mean `think_time_s`; `uniform` lies between 0 and twice the mean.

        A lognormal variable of mean m and coefficient of variation c has σ² = ln(1 + c²) and µ = ln m − σ²/2.
        """
        mean = self._mean_ns
        if self._distribution == "constant" or mean <= 0:
            return round(mean)
        if self._distribution == "exponential":
            return round(self._random.expovariate(1 / mean))
        if self._distribution == "uniform":
            return round(self._random.uniform(0, 2 * mean))
        return round(self._random.lognormvariate(math.log(mean) - self._sigma**2 / 2, self._sigma))


def begin_ns(load: Load, user: int) -> int:
    """When the user starts its first operation, after T0: the users are spread evenly over `ramp_up_s`."""
    return round(load.ramp_up_s * 1e9 * user / load.concurrency) if load.concurrency else 0
