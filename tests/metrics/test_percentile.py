"""Percentiles are observed values with honest intervals, or they are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import bdtr

from aifbench.metrics.percentile import highest_quantile, interval_ranks, needed_n, percentile, quantile_of, rank


@pytest.mark.parametrize(("q", "n"), [(0.5, 6), (0.95, 72), (0.99, 368), (0.999, 3688), (0.1, 36), (0.01, 368)])
def test_a_percentile_needs_enough_values_for_a_finite_interval(q: float, n: int) -> None:
    assert needed_n(q) == n
    assert percentile(np.arange(n - 1), q).value is None
    assert percentile(np.arange(n), q).value is not None


@pytest.mark.parametrize(
    ("n", "q", "expected"),
    [(10, 0.5, 5), (11, 0.5, 6), (100, 0.99, 99), (1000, 0.999, 999), (100, 0.07, 7), (3, 0.001, 1), (1000, 0.95, 950)],
)
def test_the_rank_is_the_nearest_one_without_rounding_errors(n: int, q: float, expected: int) -> None:
    assert rank(n, q) == expected


def test_the_interval_of_a_median_of_ten_is_the_textbooks() -> None:
    """Ranks 2 and 9 of 10 cover the median with 97.9 %, ranks 3 and 8 only with 89.1 %."""
    assert interval_ranks(10, 0.5) == (2, 9)
    assert interval_ranks(6, 0.5) == (1, 6)


@settings(max_examples=200, deadline=None)
@given(st.integers(6, 200_000), st.sampled_from([0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999]))
def test_the_interval_is_the_tightest_with_at_most_two_and_a_half_percent_outside_on_each_side(
    n: int, q: float
) -> None:
    ranks = interval_ranks(n, q)
    if n < needed_n(q):
        assert ranks is None
        return
    assert ranks is not None
    low, high = ranks
    tail = 0.025
    assert 1 <= low <= rank(n, q) <= high <= n
    assert bdtr(low - 1, n, q) <= tail + 1e-9
    assert bdtr(low, n, q) > tail - 1e-9
    assert 1 - bdtr(high - 1, n, q) <= tail + 1e-9
    assert 1 - bdtr(high - 2, n, q) > tail - 1e-9


def test_values_stay_exact_to_the_nanosecond() -> None:
    values = np.arange(368, dtype=np.int64) + 3_600_000_000_000
    found = percentile(values, 0.99)
    assert found.value == 3_600_000_000_000 + 364
    assert found.low == 3_600_000_000_000 + interval_ranks(368, 0.99)[0] - 1  # type: ignore[index]
    assert found.high == 3_600_000_000_000 + 367


def test_a_value_beyond_the_good_ones_is_infinite() -> None:
    found = percentile(np.arange(90), 0.95, beyond=10)
    assert found.value == math.inf
    median = percentile(np.arange(90), 0.5, beyond=10)
    assert (median.value, median.n) == (49, 100)


def test_the_highest_supported_quantile_agrees_with_the_needed_n() -> None:
    assert highest_quantile(368) >= 0.99 > highest_quantile(367)
    assert highest_quantile(0) == 0


def test_words_of_percentiles_are_read_as_decimals() -> None:
    assert (quantile_of("p99.9"), quantile_of("p50"), quantile_of("mean"), quantile_of("pink")) == (
        0.999,
        0.5,
        None,
        None,
    )
