"""The trial is the unit of comparison."""

from __future__ import annotations

import numpy as np
import pytest

from aifbench.metrics.bootstrap import BLOCKS, SUPPORT, Blocks, cut, over_trials
from aifbench.model.result import Metric


def trials(*values: float | None) -> list[Metric]:
    return [Metric("m", "1/s", value, n=10, reason="" if value is not None else "no window") for value in values]


def test_the_value_is_the_median_of_the_trials() -> None:
    assert over_trials("m", "1/s", trials(1.0, 9.0, 2.0)).value == 2.0
    assert over_trials("m", "1/s", trials(1.0, 2.0)).value == 1.5


def test_with_fewer_than_three_trials_there_is_no_interval_and_it_says_so() -> None:
    found = over_trials("m", "1/s", trials(1.0, 2.0))
    assert (found.low, found.high, found.reason) == (None, None, "no interval: 2 trials, 3 needed")
    assert over_trials("m", "1/s", trials(1.0)).reason == "no interval: 1 trial, 3 needed"


def test_with_three_trials_a_rate_lies_between_the_least_and_the_greatest() -> None:
    found = over_trials("m", "1/s", trials(1.0, 9.0, 2.0))
    assert (found.low, found.high, found.n, found.reason) == (1.0, 9.0, 3, "")


def test_a_trial_without_the_number_is_named_not_guessed() -> None:
    found = over_trials("m", "1/s", trials(1.0, None, 3.0, 2.0))
    assert (found.value, found.n) == (2.0, 3)
    assert found.reason == "n/a in 1 of 4 trials: no window"
    few = over_trials("m", "1/s", trials(1.0, None, None))
    assert (few.value, few.n, few.reason) == (None, 1, "1 of 3 trials: no window")
    nothing = over_trials("m", "1/s", trials(None, None))
    assert (nothing.value, nothing.reason) == (None, "no window")


def test_blocks_keep_every_value_and_the_exact_sums() -> None:
    values = np.array([5, 5, 7, 9], np.int64)
    found = cut(values, np.array([0, 10, 999, 1000], np.int64), 1.0)
    assert found is not None
    assert found.support.tolist() == [5, 7, 9]
    assert found.counts.tolist() == [[2, 0, 0], [0, 1, 1]]
    assert found.sums.tolist() == [10, 16]


def test_a_long_list_of_values_is_thinned_least_in_the_tail() -> None:
    values = np.arange(100_000)
    found = cut(values, values, 1.0)
    assert found is not None
    assert len(found.support) <= SUPPORT
    assert (len(found.sums), found.counts.sum(), found.support[-1]) == (BLOCKS, 100_000, 99_999)
    assert {99_998.0, 99_997.0} <= set(found.support.tolist())


def of(seed: int, count: int = 2000) -> Blocks:
    values = np.random.default_rng(seed).exponential(1.0, count)
    found = cut(values, np.arange(count), 1.0)
    assert found is not None
    return found


def test_the_hierarchical_interval_holds_the_true_median_and_is_wider_than_the_trials_alone() -> None:
    """Three trials of an exponential distribution (median ln 2)."""
    metrics = [
        Metric("m_p50", "s", float(np.median(np.random.default_rng(seed).exponential(1.0, 2000)))) for seed in range(3)
    ]
    found = over_trials("m_p50", "s", metrics, {"m": [of(seed) for seed in range(3)]})
    alone = over_trials("m_p50", "s", metrics)
    assert found.low is not None
    assert found.high is not None
    assert alone.low is not None
    assert alone.high is not None
    assert found.low < np.log(2) < found.high
    assert found.high - found.low > alone.high - alone.low


def test_thinning_does_not_shift_a_tail_percentile() -> None:
    """Three equal trials of 200,000 distinct values: the interval must be close around the exact p99."""
    values = np.sort((np.random.default_rng(3).exponential(5e6, 200_000)).astype(np.int64))
    exact = float(values[198_000 - 1])
    shuffled = np.random.default_rng(4).permutation(values)
    blocks = cut(shuffled, np.arange(200_000), 1.0)
    found = over_trials("m_p99", "s", [Metric("m_p99", "s", exact)] * 3, {"m": [blocks] * 3})
    assert found.low is not None
    assert found.high is not None
    assert found.low < exact < found.high
    assert found.high - found.low < 0.03 * exact


def test_equal_samples_give_equal_intervals() -> None:
    metrics = trials(1.0, 1.1, 0.9)
    blocks = {"m": [of(seed) for seed in range(3)]}
    renamed = [Metric("m_mean", "s", metric.value) for metric in metrics]
    assert over_trials("m_mean", "s", renamed, blocks) == over_trials("m_mean", "s", renamed, blocks)
    mean = over_trials("m_mean", "s", renamed, blocks)
    assert mean.low == pytest.approx(1.0, abs=0.1)
    assert mean.high == pytest.approx(1.0, abs=0.1)
