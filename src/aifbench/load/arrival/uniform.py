"""Independent gaps, uniform around the mean 1 / rate: jitter with a bound.

With spread s the gaps lie between (1 − s) / rate and (1 + s) / rate; their coefficient of variation is s / √3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from aifbench.load.arrival.base import Arrival
from aifbench.load.arrival.renewal import renewal
from aifbench.model.load import Load
from aifbench.model.options import Number, Options, Sweep

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class UniformKeys(Options):
    spread: Sweep[Annotated[Number, Field(gt=0, le=1)]] = Field(
        1.0, description="Half the width of the gaps' distribution as a share of its mean: 1 means from 0 to twice it."
    )


class Uniform(Arrival):
    recipe_keys: ClassVar[type[Options]] = UniformKeys
    summary: ClassVar[str] = "open loop, gaps uniform between 0 and 2 / rate_per_s, or closer to the mean"

    def starts_ns(self, load: Load, seed: int) -> Starts:
        import numpy as np

        mean_ns = 1e9 / (load.rate_per_s or 0.0)
        spread = float(load.shape.get("spread", 1.0))
        low, high = mean_ns * (1 - spread), mean_ns * (1 + spread)
        random = np.random.Generator(np.random.PCG64(seed))
        starts = renewal(load.length_s * 1e9, mean_ns, lambda n: random.uniform(low, high, size=n))
        return np.floor(starts).astype(np.int64)
