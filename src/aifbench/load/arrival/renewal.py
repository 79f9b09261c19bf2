"""Starts from independent gaps: each start is the sum of all gaps before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def renewal(length: float, mean: float, draw: Callable[[int], Floats]) -> Floats:
    """All sums of gaps below `length`, in its unit; `draw(n)` gives the next n gaps, whose mean is about `mean`."""
    import numpy as np

    starts: Floats = np.empty(0, dtype=np.float64)
    block = int(length / mean * 1.05) + 64
    while starts.size == 0 or starts[-1] < length:
        last = starts[-1] if starts.size else 0.0
        starts = np.concatenate([starts, last + np.cumsum(draw(block))])
    return starts[: int(np.searchsorted(starts, length, side="left"))]
