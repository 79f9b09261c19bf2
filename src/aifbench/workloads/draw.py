"""Random values that depend only on a seed and an operation's number, so that stripes over workers change nothing.

SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014) used as a counter-based
generator: no state to carry from one operation to the next, and under a microsecond per value.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_NORMAL = NormalDist()


def mix(value: int) -> int:
    """64 well-mixed bits from 64 bits."""
    value = (value + _GAMMA) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


class Draw:
    """The values of one operation: the same in every process for equal `seed` and `seq`."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, seq: int) -> None:
        self._state = mix((seed & _MASK) ^ mix(seq & _MASK))

    def bits(self) -> int:
        self._state = state = (self._state + _GAMMA) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return state ^ (state >> 31)

    def integer(self, low: int, high: int) -> int:
        """Uniform, both ends included. The bias is below (high - low) / 2**64."""
        self._state = state = (self._state + _GAMMA) & _MASK  # `bits` written out: this is the hot path
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return low + ((state ^ (state >> 31)) * (high - low + 1) >> 64)

    def unit(self) -> float:
        """Uniform in the open interval (0, 1)."""
        return ((self.bits() >> 11) + 0.5) * 2.0**-53

    def lognormal(self, median: float, sigma: float) -> float:
        """`median` is the median; `sigma` the standard deviation of the logarithm."""
        return median * math.exp(sigma * _NORMAL.inv_cdf(self.unit()))


class Weighted:
    """Chooses an index with a probability proportional to its weight."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._bounds = list(accumulate(weights))
        self._last = len(weights) - 1

    def pick(self, unit: float) -> int:
        return min(bisect_right(self._bounds, unit * self._bounds[-1]), self._last)


def zipf(count: int, exponent: float) -> Weighted:
    """Index k (from 0) with a probability proportional to 1 / (k + 1) ** exponent."""
    return Weighted([1.0 / (rank**exponent) for rank in range(1, count + 1)])


def choose_kind(seed: int, seq: int, names: Sequence[str], weighted: Weighted) -> str:
    """The name of operation `seq` of a weighted mix; takes its draw from a stream of its own."""
    if len(names) == 1:
        return names[0]
    return names[weighted.pick((mix(mix(seed & _MASK) ^ seq) >> 11) * 2.0**-53)]
