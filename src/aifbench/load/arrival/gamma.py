"""Independent gamma-distributed gaps with mean 1 / rate: smoother than Poisson below cv 1, in clusters above it.

With shape k and scale 1 / (k · rate) the mean gap is 1 / rate and its coefficient of variation 1 / √k
(Johnson, Kotz, Balakrishnan: Continuous Univariate Distributions, vol. 1, ch. 17). k = 1 is Poisson.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from aifbench.load.arrival.base import Arrival
from aifbench.load.arrival.renewal import renewal
from aifbench.model.load import Load
from aifbench.model.options import Number, Options, Sweep

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class GammaKeys(Options):
    shape: Sweep[Annotated[Number, Field(ge=0.001, le=1_000_000)]] | None = Field(
        None, description="Shape k of the gamma distribution (what some tools call burstiness): 1 is Poisson."
    )
    cv: Sweep[Annotated[Number, Field(ge=0.001, le=30)]] | None = Field(
        None, description="Coefficient of variation of the gaps, 1 / √shape: 1 is Poisson. Give this or `shape`."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> GammaKeys:
        if (self.shape is None) == (self.cv is None):
            raise ValueError("expected one of shape and cv, such as cv: 2")
        return self


def shape_of(load: Load) -> float:
    """The shape k of a load, from whichever key the recipe has."""
    shape = load.shape.get("shape")
    return float(shape) if shape is not None else float(load.shape["cv"]) ** -2


class Gamma(Arrival):
    recipe_keys: ClassVar[type[Options]] = GammaKeys
    summary: ClassVar[str] = "open loop, gamma-distributed gaps with mean 1 / rate_per_s and a chosen variation"

    def starts_ns(self, load: Load, seed: int) -> Starts:
        import numpy as np

        mean_ns = 1e9 / (load.rate_per_s or 0.0)
        shape = shape_of(load)
        random = np.random.Generator(np.random.PCG64(seed))
        starts = renewal(load.length_s * 1e9, mean_ns, lambda n: random.gamma(shape, mean_ns / shape, size=n))
        return np.floor(starts).astype(np.int64)

    def resolved(self, load: Load, given: frozenset[str], folder: str) -> Load:
        """With both `shape` and `cv`, so that whoever reads the plan needs no formula."""
        shape = shape_of(load)
        return replace(load, shape={"shape": shape, "cv": 1 / math.sqrt(shape)})
