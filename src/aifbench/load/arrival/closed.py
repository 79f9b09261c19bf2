"""Closed loop: `concurrency` users, each starting its next operation when its last one has ended.

There is no schedule to fall behind: the intended start of an operation is the moment its user became free
(end of the last one plus think time), so that a slow server lowers the offered load. Use it for capacity,
an open loop for latency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aifbench.load.arrival.base import Arrival
from aifbench.model.load import Load

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts


class Closed(Arrival):
    summary: ClassVar[str] = (
        "closed loop: concurrency users, each waits for its answer (and think_time) before the next"
    )
    open_loop: ClassVar[bool] = False

    def starts_ns(self, load: Load, seed: int) -> Starts:
        """Always empty: a closed loop has no schedule of its own."""
        import numpy as np

        return np.empty(0, dtype=np.int64)
