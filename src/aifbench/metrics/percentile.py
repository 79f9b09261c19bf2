"""Exact percentiles from raw values, with distribution-free 95 % intervals, refused when there are too few values.

The percentile is the nearest-rank one: the value of rank ⌈q·n⌉, which is always a value that was observed (Hyndman and
Fan 1996, definition 1; HdrHistogram and wrk2 use it too). The interval is that of order statistics: ranks l and u
with P(X(l) ≤ ξ) and P(ξ ≤ X(u)) each at least 97.5 % by the binomial distribution (Hahn and Meeker, Statistical
Intervals, 1991). It is finite only when qⁿ ≤ 2.5 % and (1−q)ⁿ ≤ 2.5 %: n ≥ 6 for p50, 72 for p95, 368 for p99 and
3688 for p99.9; below that the percentile is not given.

The binomial distribution is summed here rather than taken from scipy, which would cost the controller 24 MiB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from aifbench.metrics.thresholds import TAIL


@dataclass(frozen=True)
class Percentile:
    """`value` is None when n is below `needed`, or +∞. `low`, `high`: the 95 % interval; `high` may be infinite."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    needed: int


def quantile_of(statistic: str) -> float | None:
    """`p99.9` → 0.999; None for a word that is no percentile."""
    try:
        return float(Fraction(statistic[1:]) / 100) if statistic.startswith("p") else None
    except ValueError:
        return None


def rank(n: int, q: float) -> int:
    """Nearest rank ⌈q·n⌉, counted from 1, with q read as the decimal that it is written as."""
    return max(1, math.ceil(Fraction(str(q)) * n))


@lru_cache(maxsize=64)
def needed_n(q: float) -> int:
    """The least n with a finite 95 % interval on both sides."""
    worst = max(q, 1 - q)
    n = max(1, math.floor(math.log(TAIL) / math.log(worst)))
    while worst**n > TAIL:
        n += 1
    return n


def highest_quantile(n: int) -> float:
    """The highest q whose 95 % interval from n values is finite; 0 when n is 0."""
    return TAIL ** (1 / n) if n else 0.0


@lru_cache(maxsize=4096)
def interval_ranks(n: int, q: float) -> tuple[int, int] | None:
    """Ranks, counted from 1, of the order statistics that bound the 95 % interval; None when n is too small."""
    if n < needed_n(q):
        return None
    first, cumulative = _binomial_cdf(n, q)
    low = first + int(np.searchsorted(cumulative, TAIL, side="right"))
    high = first + int(np.searchsorted(cumulative, 1 - TAIL, side="left")) + 1
    return max(1, low), min(n, high)


def _binomial_cdf(n: int, q: float) -> tuple[int, npt.NDArray[np.float64]]:
    """`first` and P(B ≤ k) for k from `first` on: within 12 standard deviations of the mean (the rest is < 1e-30)."""
    spread = 12 * math.sqrt(n * q * (1 - q)) + 20
    first, last = max(0, math.floor(n * q - spread)), min(n, math.ceil(n * q + spread))
    k = np.arange(first, last)
    steps = np.log((n - k) / (k + 1) * (q / (1 - q)))
    log_first = (
        math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
        + first * math.log(q) + (n - first) * math.log1p(-q)
    )  # fmt: skip
    return first, np.cumsum(np.exp(log_first + np.concatenate(([0.0], np.cumsum(steps)))))


def percentile(ordered: npt.NDArray[Any], q: float, *, beyond: int = 0) -> Percentile:
    """Of sorted values; `beyond` more values count as +∞ (operations that failed)."""
    n = len(ordered) + beyond
    ranks = interval_ranks(n, q) if n else None
    if ranks is None:
        return Percentile(None, None, None, n, needed_n(q))

    def at(position: int) -> float:
        return float(ordered[position - 1]) if position <= len(ordered) else math.inf

    return Percentile(at(rank(n, q)), at(ranks[0]), at(ranks[1]), n, needed_n(q))
