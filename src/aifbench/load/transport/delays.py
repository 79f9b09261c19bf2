"""How long data waited between the kernel's stamp and the read: a histogram of constant size, however long the load.

Buckets grow by 1 %, so a percentile is exact to 1 %; the greatest value is exact.
"""

from __future__ import annotations

import math
from typing import Any

_GROWTH = math.log(1.01)
_BUCKETS = 2400
"""1.01²⁴⁰⁰ ns are 23 s; stamps more than ten seconds before their read are not believed anyway."""


class Delays:
    def __init__(self) -> None:
        import numpy as np

        self._counts = np.zeros(_BUCKETS, np.int64)
        self._max = 0

    def add(self, delays_ns: Any) -> None:
        """An array of nanoseconds, none of them negative."""
        import numpy as np

        if len(delays_ns) == 0:
            return
        index = np.ceil(np.log(np.maximum(delays_ns, 1)) / _GROWTH).astype(np.int64)
        self._counts += np.bincount(np.minimum(index, _BUCKETS - 1), minlength=_BUCKETS)
        self._max = max(self._max, int(delays_ns.max()))

    def spread(self) -> dict[str, int | None]:
        """Median, 99th percentile and maximum in nanoseconds; None where nothing was added."""
        import numpy as np

        total = int(self._counts.sum())
        if not total:
            return {"p50": None, "p99": None, "max": None}
        reached = np.cumsum(self._counts)

        def upper_edge(q: float) -> int:
            rank = math.ceil(q * total)
            return min(self._max, round(math.exp(int(np.searchsorted(reached, rank)) * _GROWTH)))

        return {"p50": upper_edge(0.5), "p99": upper_edge(0.99), "max": self._max}
