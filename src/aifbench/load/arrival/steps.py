"""Constant rates one after the other: a staircase.

The steps are the measured part; the warm-up is offered at the first step's rate, the cool-down at the last step's.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from aifbench.load.arrival.base import Arrival, WrongShape
from aifbench.load.arrival.intensity import INNER_MEANING, Inner, Intensity, Segment
from aifbench.model.load import Load
from aifbench.model.options import Duration, Options, RateOrZero, Sweep

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class Step(Options):
    rate_per_s: RateOrZero = Field(description="Operations offered per second in this step.")
    duration: Duration = Field(gt=0, description="How long this step takes.")


class StepsKeys(Options):
    steps: Annotated[list[Step], Field(min_length=1, max_length=10_000)] = Field(
        description="The steps, such as `[{rate_per_s: 10, duration: 1m}, {rate_per_s: 20, duration: 1m}]`."
    )
    inner: Sweep[Inner] = Field("poisson", description=INNER_MEANING)

    @model_validator(mode="after")
    def _offers_something(self) -> StepsKeys:
        if not any(step.rate_per_s for step in self.steps):
            raise ValueError("the rate of every step is 0: nothing would be offered")
        return self


def _measured(load: Load) -> list[Segment]:
    steps = load.shape["steps"]
    return [Segment(float(one["duration"]), float(one["rate_per_s"]), float(one["rate_per_s"])) for one in steps]


class Steps(Arrival):
    recipe_keys: ClassVar[type[Options]] = StepsKeys
    summary: ClassVar[str] = "open loop, a list of rates, each for its duration"
    needs_rate: ClassVar[bool] = False

    def starts_ns(self, load: Load, seed: int) -> Starts:
        steps = _measured(load)
        before = Segment(load.warmup_s, steps[0].first, steps[0].first)
        after = Segment(load.cooldown_s, steps[-1].last, steps[-1].last)
        return Intensity([before, *steps, after]).starts_ns(load.shape.get("inner", "poisson"), seed)

    def resolved(self, load: Load, given: frozenset[str], folder: str) -> Load:
        steps = Intensity(_measured(load))
        if "duration" in given and not math.isclose(load.duration_s, steps.length_s):
            message = f"the steps take {steps.length_s:g} s together, but duration says {load.duration_s:g} s"
            raise WrongShape("duration", message, "leave duration out")
        return replace(load, duration_s=steps.length_s, rate_per_s=steps.total / steps.length_s)
