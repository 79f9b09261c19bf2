"""Rates that change over time: a process of unit rate, warped by the inverse of the integrated rate.

If x_k are the points of a Poisson process of rate 1 and Λ(t) is the integral of the rate from 0 to t, then Λ⁻¹(x_k)
are the points of the inhomogeneous Poisson process with that rate (Çinlar: Introduction to Stochastic Processes,
1975, ch. 4). The same with x_k = k gives starts of which exactly ⌈Λ(t)⌉ lie before t: `constant`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aifbench.load.arrival.renewal import renewal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from aifbench.load.arrival.base import Starts

    Floats = npt.NDArray[np.float64]

Inner = Literal["poisson", "constant"]
INNER_MEANING = "What starts are like at a given rate: random (`poisson`) or evenly spaced (`constant`)."


@dataclass(frozen=True)
class Segment:
    """A part of the load in which the rate goes in a straight line from `first` to `last` (per second)."""

    length_s: float
    first: float
    last: float

    @property
    def expected(self) -> float:
        """Operations offered in it: the area under the line."""
        return self.length_s * (self.first + self.last) / 2


class Intensity:
    """The rate over the whole load, as segments one after the other."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segment for segment in segments if segment.length_s > 0)
        self.total = math.fsum(segment.expected for segment in self._segments)
        self.length_s = math.fsum(segment.length_s for segment in self._segments)

    def when_s(self, counts: Floats) -> Floats:
        """The inverse of the integrated rate: when each count is reached. Where the rate is 0 the count jumps over it.

        In a segment with begin t₀, rate r and slope s the count d after t₀ is reached at t₀ + 2d / (r + √(r² + 2sd)),
        the root of d = r·t + s·t²/2 in the form that does not cancel.
        """
        import numpy as np

        lengths = np.array([segment.length_s for segment in self._segments])
        first = np.array([segment.first for segment in self._segments])
        slope = (np.array([segment.last for segment in self._segments]) - first) / lengths
        begins = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
        before = np.concatenate([[0.0], np.cumsum([segment.expected for segment in self._segments])[:-1]])
        index = np.searchsorted(before, counts, side="right") - 1
        beyond = counts - before[index]
        below = first[index] + np.sqrt(np.maximum(first[index] ** 2 + 2 * slope[index] * beyond, 0.0))
        into = np.divide(2 * beyond, below, out=np.zeros(len(counts)), where=below > 0)
        return np.asarray(begins[index] + np.minimum(into, lengths[index]), np.float64)

    def starts_ns(self, inner: str, seed: int) -> Starts:
        import numpy as np

        if self.total <= 0:
            return np.empty(0, dtype=np.int64)
        if inner == "constant":
            counts = np.arange(math.ceil(self.total - 1e-9), dtype=np.float64)
            found = np.round(self.when_s(counts) * 1e9)
        else:
            random = np.random.Generator(np.random.PCG64(seed))
            found = np.floor(self.when_s(renewal(self.total, 1.0, lambda n: random.exponential(1.0, size=n))) * 1e9)
        starts = found.astype(np.int64)
        return starts[: int(np.searchsorted(starts, round(self.length_s * 1e9), side="left"))]
