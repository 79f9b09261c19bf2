"""Independent exponential gaps with mean 1 / rate: many independent users who do not wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aifbench.load.arrival.base import Arrival
from aifbench.model.load import Load

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class Poisson(Arrival):
    summary: ClassVar[str] = "open loop, exponential gaps with mean 1 / rate_per_s"

    def starts_ns(self, load: Load, seed: int) -> Starts:
        import numpy as np

        rate = load.rate_per_s or 0.0
        length_ns = load.length_s * 1e9
        random = np.random.Generator(np.random.PCG64(seed))
        starts = np.empty(0, dtype=np.float64)
        block = int(load.length_s * rate * 1.05) + 64
        while starts.size == 0 or starts[-1] < length_ns:
            last = starts[-1] if starts.size else 0.0
            starts = np.concatenate([starts, last + np.cumsum(random.exponential(1e9 / rate, size=block))])
        return np.floor(starts[starts < length_ns]).astype(np.int64)
