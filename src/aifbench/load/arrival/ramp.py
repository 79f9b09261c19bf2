"""A rate that rises or falls in a straight line over the measured part.

The warm-up is offered at the first rate, the cool-down at the last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from aifbench.load.arrival.base import Arrival, WrongShape
from aifbench.load.arrival.intensity import INNER_MEANING, Inner, Intensity, Segment
from aifbench.model.load import Load
from aifbench.model.options import Options, RateOrZero, Sweep

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class RampKeys(Options):
    from_rate: Sweep[RateOrZero] = Field(description="Operations offered per second at the end of the warm-up.")
    to_rate: Sweep[RateOrZero] = Field(description="Operations offered per second at the end of the measured part.")
    inner: Sweep[Inner] = Field("poisson", description=INNER_MEANING)

    @model_validator(mode="after")
    def _offers_something(self) -> RampKeys:
        if self.from_rate == 0 and self.to_rate == 0:
            raise ValueError("from_rate and to_rate are both 0: nothing would be offered")
        return self


class Ramp(Arrival):
    recipe_keys: ClassVar[type[Options]] = RampKeys
    summary: ClassVar[str] = "open loop, a rate in a straight line from from_rate to to_rate over the duration"
    needs_rate: ClassVar[bool] = False

    def starts_ns(self, load: Load, seed: int) -> Starts:
        first, last = float(load.shape["from_rate"]), float(load.shape["to_rate"])
        segments = [
            Segment(load.warmup_s, first, first),
            Segment(load.duration_s, first, last),
            Segment(load.cooldown_s, last, last),
        ]
        return Intensity(segments).starts_ns(load.shape.get("inner", "poisson"), seed)

    def resolved(self, load: Load, given: frozenset[str], folder: str) -> Load:
        if "operations" in given and "duration" not in given:
            raise WrongShape("operations", "a ramp needs its duration: its rates lie at the two ends", "add duration")
        return replace(load, rate_per_s=(float(load.shape["from_rate"]) + float(load.shape["to_rate"])) / 2)
