"""Independent exponential gaps with mean 1 / rate: many independent users who do not wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aifbench.load.arrival.base import Arrival
from aifbench.load.arrival.renewal import renewal
from aifbench.model.load import Load

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class Poisson(Arrival):
    summary: ClassVar[str] = "open loop, exponential gaps with mean 1 / rate_per_s"

    def starts_ns(self, load: Load, seed: int) -> Starts:
        import numpy as np

        mean_ns = 1e9 / (load.rate_per_s or 0.0)
        random = np.random.Generator(np.random.PCG64(seed))
        starts = renewal(load.length_s * 1e9, mean_ns, lambda n: random.exponential(mean_ns, size=n))
        return np.floor(starts).astype(np.int64)
