"""Pauses of users: their distribution, and that they depend on seed and user alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aifbench.load.think import Thinker, begin_ns
from aifbench.model.load import Load, ThinkDistribution


def pauses_s(
    distribution: ThinkDistribution, cv: float = 1.0, seed: int = 3, user: int = 5, n: int = 5000
) -> list[float]:
    load = Load("closed", 1, concurrency=9, think_time_s=0.5, think_distribution=distribution, think_cv=cv)
    thinker = Thinker(load, seed, user)
    return [thinker.next_ns() / 1e9 for _ in range(n)]


def test_a_constant_think_time_does_not_vary() -> None:
    assert set(pauses_s("constant", n=10)) == {0.5}


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ("exponential", stats.expon(scale=0.5)),
        ("uniform", stats.uniform(0, 1)),
        ("lognormal", stats.lognorm(s=np.sqrt(np.log(5)), scale=0.5 / np.sqrt(5))),
    ],
)
def test_pauses_follow_their_distribution_with_the_mean_of_the_recipe(
    distribution: ThinkDistribution, expected: stats.rv_continuous
) -> None:
    assert expected.mean() == pytest.approx(0.5)
    assert stats.kstest(pauses_s(distribution, cv=2.0), expected.cdf).pvalue > 0.01


def test_pauses_depend_on_seed_and_user_alone() -> None:
    assert pauses_s("exponential", n=9) == pauses_s("exponential", n=9)
    assert pauses_s("exponential", n=9) != pauses_s("exponential", n=9, user=6)
    assert pauses_s("exponential", n=9) != pauses_s("exponential", n=9, seed=4)


def test_users_start_evenly_spread_over_the_ramp() -> None:
    load = Load("closed", 10, concurrency=4, ramp_up_s=2.0)
    assert [begin_ns(load, user) / 1e9 for user in range(4)] == [0, 0.5, 1, 1.5]
    assert begin_ns(Load("closed", 10, concurrency=4), 3) == 0
