"""Equal gaps: start k lies at k / rate. The variance of the gaps is zero but for rounding to 1 ns."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aifbench.load.arrival.base import Arrival
from aifbench.model.load import Load

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class Constant(Arrival):
    summary: ClassVar[str] = "open loop, equal gaps: start k at k / rate_per_s"

    def starts_ns(self, load: Load, seed: int) -> Starts:
        import numpy as np

        rate = load.rate_per_s or 0.0
        count = int(np.ceil(load.length_s * rate - 1e-9))
        return np.round(np.arange(count) * (1e9 / rate)).astype(np.int64)
