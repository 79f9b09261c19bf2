"""Two rates in turn: `burst_rate` for `on`, then `base_rate` for `off`, and again.

A burst begins with the measured part; cycles go on backwards into the warm-up and forwards into the cool-down.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from aifbench.load.arrival.base import Arrival, WrongShape
from aifbench.load.arrival.intensity import INNER_MEANING, Inner, Intensity, Segment
from aifbench.model.load import Load
from aifbench.model.options import Duration, Options, Rate, RateOrZero, Sweep

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts

MAX_CYCLES = 1_000_000


class BurstKeys(Options):
    on: Sweep[Annotated[Duration, Field(gt=0)]] = Field(description="How long a burst takes.")
    off: Sweep[Annotated[Duration, Field(gt=0)]] = Field(description="How long the time between bursts is.")
    burst_rate: Sweep[Rate] = Field(description="Operations offered per second during a burst.")
    base_rate: Sweep[RateOrZero] = Field(0.0, description="Operations offered per second between bursts.")
    inner: Sweep[Inner] = Field("poisson", description=INNER_MEANING)


def _segments(load: Load, begin_s: float, end_s: float) -> list[Segment]:
    """From `begin_s` to `end_s`, counted from the begin of the measured part."""
    on, off = float(load.shape["on"]), float(load.shape["off"])
    high, low = float(load.shape["burst_rate"]), float(load.shape.get("base_rate", 0.0))
    found: list[Segment] = []
    for cycle in range(math.floor(begin_s / (on + off)), math.ceil(end_s / (on + off))):
        start = cycle * (on + off)
        for first, last, rate in ((start, start + on, high), (start + on, start + on + off, low)):
            length = min(last, end_s) - max(first, begin_s)
            if length > 0:
                found.append(Segment(length, rate, rate))
    return found


class Burst(Arrival):
    recipe_keys: ClassVar[type[Options]] = BurstKeys
    summary: ClassVar[str] = "open loop, on and off: burst_rate for a while, then base_rate, and again"
    needs_rate: ClassVar[bool] = False

    def starts_ns(self, load: Load, seed: int) -> Starts:
        segments = _segments(load, -load.warmup_s, load.duration_s + load.cooldown_s)
        return Intensity(segments).starts_ns(load.shape.get("inner", "poisson"), seed)

    def resolved(self, load: Load, given: frozenset[str], folder: str) -> Load:
        """The mean rate of the measured part, which need not hold whole cycles."""
        cycles = load.length_s / (float(load.shape["on"]) + float(load.shape["off"]))
        if cycles > MAX_CYCLES:
            raise WrongShape("on", f"{cycles:,.0f} bursts in one trial, expected at most {MAX_CYCLES:,}")
        measured = Intensity(_segments(load, 0.0, load.duration_s))
        return replace(load, rate_per_s=measured.total / load.duration_s)
