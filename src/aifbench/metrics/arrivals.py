"""Whether starts followed the declared arrival process: Kolmogorov–Smirnov distances of gaps."""

from __future__ import annotations

import math

import numpy as np

from aifbench.metrics.columns import Floats, Stamps

FEWEST_GAPS = 20


def gaps_s(stamps: Stamps) -> Floats:
    """Gaps between neighbours in time, in seconds."""
    return np.asarray(np.diff(np.sort(stamps)).astype(np.float64) / 1e9)


def exponential_distance(gaps: Floats, rate_per_s: float) -> tuple[float, float]:
    """Distance of the gaps from the exponential distribution with that rate, and its p-value.

    One-sample Kolmogorov–Smirnov test with Stephens' (1970) correction for finite n.
    """
    ordered = np.sort(gaps)
    n = len(ordered)
    expected = -np.expm1(-rate_per_s * ordered)
    above = np.arange(1, n + 1) / n - expected
    below = expected - np.arange(n) / n
    distance = float(max(above.max(), below.max()))
    return distance, kolmogorov_tail((math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance)


def kolmogorov_tail(x: float) -> float:
    """P(K > x) of Kolmogorov's limit distribution."""
    if x < 0.2:
        return 1.0
    return min(1.0, max(0.0, 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))))


def distance_within(actual: Floats, intended: Floats, tolerance_s: float) -> float:
    """Two-sample Kolmogorov–Smirnov distance that forgives shifts of single gaps by up to `tolerance_s`.

    The largest of F(x − tolerance) − G(x) and G(x − tolerance) − F(x) over all x: with an exact schedule every gap is
    the same, and the plain distance would call a microsecond's jitter a total miss.
    """
    actual, intended = np.sort(actual), np.sort(intended)
    return max(_above(actual, intended, tolerance_s), _above(intended, actual, tolerance_s), 0.0)


def _above(left: Floats, right: Floats, tolerance_s: float) -> float:
    """The largest F_left(x − tolerance) − F_right(x): F_left steps up at left + tolerance."""
    points = left + tolerance_s
    ahead = np.arange(1, len(left) + 1) / len(left) - np.searchsorted(right, points, side="right") / len(right)
    return float(ahead.max())
