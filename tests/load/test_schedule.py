"""Rules of the one schedule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aifbench.load.schedule import phase, stripe, whole
from aifbench.model.load import Load
from tests.load.arrivals import OPEN, example


@pytest.mark.parametrize("kind", OPEN)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**40), workers=st.integers(1, 64), rate=st.floats(4, 900.0))
def test_union_of_all_stripes_is_the_whole_schedule(kind: str, seed: int, workers: int, rate: float) -> None:
    load = example(kind, rate, warmup_s=0.5, cooldown=0.5)
    parts = [stripe(load, seed, worker, workers) for worker in range(workers)]
    seen = {part.seq(index): int(start) for part in parts for index, start in enumerate(part.starts_ns)}
    assert seen == dict(enumerate(whole(load, seed).tolist()))


@pytest.mark.parametrize("kind", OPEN)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**40), rate=st.floats(4, 900.0))
def test_starts_are_sorted_and_lie_inside_the_load(kind: str, seed: int, rate: float) -> None:
    starts = whole(example(kind, rate, warmup_s=0.5, cooldown=0.25), seed)
    assert np.all(np.diff(starts) >= 0)
    assert not starts.size or (starts[0] >= 0 and starts[-1] < 2_750_000_000)


@pytest.mark.parametrize("kind", OPEN)
def test_the_mean_rate_of_a_load_is_what_it_offers_in_the_measured_part(kind: str) -> None:
    """Within five standard deviations of a process with a coefficient of variation of 2."""
    load = example(kind, 100, duration_s=20, warmup_s=2.0, cooldown=1.0)
    assert load.rate_per_s is not None
    starts = whole(load, 5)
    measured = int(((starts >= 2_000_000_000) & (starts < 22_000_000_000)).sum())
    expected = load.rate_per_s * 20
    assert abs(measured - expected) <= 10 * expected**0.5


@pytest.mark.parametrize("kind", [name for name in OPEN if name not in ("ramp", "steps", "sequence")])
def test_a_longer_load_begins_with_the_schedule_of_a_shorter_one(kind: str) -> None:
    """Nothing is anchored to the load's end; a rounding of 1 ns is all that may differ."""
    short = whole(example(kind, 50, duration_s=2.0), 9)
    longer = whole(example(kind, 50, duration_s=3.0), 9)
    assert short.size <= longer.size
    assert np.abs(short - longer[: short.size]).max() <= 1


def test_constant_has_zero_variance_but_for_rounding() -> None:
    gaps = np.diff(whole(Load("constant", duration_s=10, rate_per_s=333), 1))
    assert gaps.max() - gaps.min() <= 1


def test_constant_offers_exactly_rate_times_duration() -> None:
    assert whole(Load("constant", duration_s=3, rate_per_s=100), 1).size == 300


def test_poisson_gaps_are_exponential() -> None:
    """Kolmogorov-Smirnov against 1 - exp(-rate t) at the 1 % critical value, fixed seed."""
    gaps = np.sort(np.diff(whole(Load("poisson", duration_s=100, rate_per_s=200), 11)) / 1e9)
    expected = 1 - np.exp(-200 * gaps)
    distance = np.abs(expected - np.arange(gaps.size) / gaps.size).max()
    assert distance < 1.63 / np.sqrt(gaps.size)


def test_equal_seeds_give_equal_schedules_and_others_do_not() -> None:
    load = Load("poisson", duration_s=5, rate_per_s=50)
    assert np.array_equal(whole(load, 3), whole(load, 3))
    assert not np.array_equal(whole(load, 3)[:20], whole(load, 4)[:20])


def test_operations_cuts_the_schedule() -> None:
    assert whole(Load("poisson", duration_s=50, rate_per_s=50, operations=17), 3).size == 17


@given(users=st.integers(1, 200), workers=st.integers(1, 64))
def test_users_of_a_closed_loop_are_shared_out_once(users: int, workers: int) -> None:
    load = Load("closed", duration_s=1, concurrency=users)
    shares = [stripe(load, 1, worker, workers).users for worker in range(workers)]
    assert sorted(user for share in shares for user in share) == list(range(users))


@pytest.mark.parametrize(
    ("intended", "expected"), [(0, "warmup"), (99, "warmup"), (100, "steady"), (499, "steady"), (500, "cooldown")]
)
def test_phase_follows_the_intended_start(intended: int, expected: str) -> None:
    assert phase(intended, warmup_end_ns=100, end_ns=500) == expected
