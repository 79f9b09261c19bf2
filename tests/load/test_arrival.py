"""What each arrival process promises: exact starts where it is exact, its distribution where it is random."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from aifbench.load.schedule import whole
from aifbench.model.codec import content_hash, from_data, to_data
from aifbench.model.load import Load
from tests.load.arrivals import OPEN, example, load, resolved

Floats = npt.NDArray[np.float64]


def gaps_s(made: Load, seed: int = 11) -> Floats:
    return np.asarray(np.diff(whole(made, seed)) / 1e9)


def starts_s(made: Load, seed: int = 11) -> list[float]:
    return [float(start) / 1e9 for start in whole(made, seed)]


@pytest.mark.parametrize("cv", [0.2, 0.5, 1.0, 2.0])
def test_gamma_gaps_are_gamma_distributed(cv: float) -> None:
    """Kolmogorov–Smirnov against the distribution function at 1 %, fixed seed.

    At a low rate: with cv 2 every 60th gap at 200/s is below the nanosecond to which starts are rounded.
    """
    found = gaps_s(load(arrival="gamma", rate_per_s=0.2, cv=cv, duration=100_000, warmup=0))
    shape = cv**-2
    assert stats.kstest(found, stats.gamma(shape, scale=1 / (0.2 * shape)).cdf).pvalue > 0.01
    assert found.std() / found.mean() == pytest.approx(cv, rel=0.05)


def test_gamma_of_shape_one_is_poisson() -> None:
    found = gaps_s(load(arrival="gamma", rate_per_s=200, shape=1, duration=100, warmup=0))
    assert stats.kstest(found, stats.expon(scale=1 / 200).cdf).pvalue > 0.01


@pytest.mark.parametrize("keys", [{}, {"cv": 2, "shape": 2}])
def test_gamma_takes_exactly_one_of_shape_and_cv(keys: dict[str, Any]) -> None:
    _, found = resolved(arrival="gamma", rate_per_s=1, **keys)
    assert "expected one of shape and cv" in found[0].message


@pytest.mark.parametrize("spread", [1.0, 0.25])
def test_uniform_gaps_are_uniform_around_the_mean(spread: float) -> None:
    found = gaps_s(load(arrival="uniform", rate_per_s=100, spread=spread, duration=100, warmup=0))
    assert found.min() >= (1 - spread) / 100 - 2e-9
    assert found.max() <= (1 + spread) / 100 + 2e-9
    expected = stats.uniform((1 - spread) / 100, 2 * spread / 100)
    assert stats.kstest(found, expected.cdf).pvalue > 0.01


def test_a_constant_ramp_starts_where_its_integral_is_a_whole_number() -> None:
    """With rate t the integral is t²/2, so start k lies at √(2k)."""
    made = load(arrival="ramp", from_rate=0, to_rate=10, inner="constant", duration=10, warmup=0)
    assert starts_s(made) == pytest.approx([(2 * k) ** 0.5 for k in range(50)], abs=1e-9)


def test_a_ramp_may_fall_and_holds_its_ends_in_warm_up_and_cool_down() -> None:
    made = load(arrival="ramp", from_rate=4, to_rate=2, inner="constant", duration=2, warmup=1, cooldown=1)
    found = starts_s(made)
    assert found[:5] == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    assert found[-2:] == pytest.approx([3.0, 3.5])
    assert len(found) == 4 + 6 + 2


def test_a_poisson_ramp_warped_back_is_a_poisson_process() -> None:
    """The integral of the rate at the starts has exponential gaps of mean 1 (time-rescaling theorem)."""
    made = load(arrival="ramp", from_rate=0, to_rate=400, duration=50, warmup=0)
    integral = np.asarray(starts_s(made)) ** 2 * 4
    assert stats.kstest(np.diff(integral), stats.expon.cdf).pvalue > 0.01


def test_constant_steps_change_their_gap_at_the_step() -> None:
    steps = [{"rate_per_s": 2, "duration": 1}, {"rate_per_s": 0, "duration": 1}, {"rate_per_s": 4, "duration": 1}]
    made = load(arrival="steps", steps=steps, inner="constant", warmup=0)
    assert starts_s(made) == pytest.approx([0, 0.5, 2, 2.25, 2.5, 2.75])
    assert (made.duration_s, made.rate_per_s) == (3, 2)


def test_steps_take_their_own_time() -> None:
    _, found = resolved(arrival="steps", steps=[{"rate_per_s": 2, "duration": "1m"}], duration="30s")
    assert found[0].path == ("duration",)
    assert "take 60 s together, but duration says 30 s" in found[0].message


def test_a_burst_begins_with_the_measured_part_and_nothing_starts_between_bursts() -> None:
    made = load(arrival="burst", on=1, off=2, burst_rate=4, inner="constant", duration=6, warmup=1)
    assert starts_s(made) == pytest.approx([1, 1.25, 1.5, 1.75, 4, 4.25, 4.5, 4.75])
    assert made.rate_per_s == pytest.approx(8 / 6)


def test_a_burst_goes_on_at_its_base_rate() -> None:
    made = load(arrival="burst", on=1, off=1, burst_rate=3, base_rate=1, inner="constant", duration=2, warmup=0)
    assert starts_s(made) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_sequence_is_the_concatenation_of_its_parts() -> None:
    parts = [
        {"arrival": "constant", "rate_per_s": 2, "duration": 1},
        {"arrival": "steps", "steps": [{"rate_per_s": 4, "duration": 0.5}], "inner": "constant"},
        {"rate_per_s": 10, "duration": 1, "arrival": "constant"},
    ]
    made = load(sequence=parts, warmup=1, cooldown=0.2)
    assert made.arrival == "sequence"
    assert starts_s(made)[:6] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.25])
    assert starts_s(made)[6:] == pytest.approx([2.5 + k / 10 for k in range(12)])
    assert made.duration_s == 2.5
    assert made.rate_per_s == pytest.approx(14 / 2.5)


def test_equal_parts_of_a_sequence_are_drawn_from_different_seeds() -> None:
    part = {"arrival": "poisson", "rate_per_s": 50, "duration": 2}
    found = whole(load(sequence=[part, part], warmup=0), 3)
    first, second = found[found < 2e9], found[found >= 2e9] - 2_000_000_000
    assert first[:10].tolist() != second[:10].tolist()


@pytest.mark.parametrize(
    ("parts", "path", "said"),
    [
        ([{"arrival": "closed"}], ("sequence", 0, "arrival"), "cannot be closed"),
        ([{"rate_per_s": 1, "timeout": 3}], ("sequence", 0, "timeout"), "belongs to the whole load"),
        ([{"rate_per_s": 5}, {"rate_per_s": [1, 2]}], ("sequence", 1, "rate_per_s"), "a list inside a list"),
        ([{"rate_per_s": 5}, {"arrival": "ramp"}], ("sequence", 1, "from_rate"), "missing"),
        ([{"rate_per_s": 5, "duration": 0}], ("sequence", 0, "duration"), "got 0"),
        ([], ("sequence",), "at least 1 value"),
    ],
)
def test_a_mistake_in_a_part_is_placed_in_it(parts: list[Any], path: tuple[Any, ...], said: str) -> None:
    _, found = resolved(sequence=parts)
    assert path in [one.path for one in found]
    assert any(said in one.message for one in found)


@pytest.mark.parametrize(
    ("keys", "key", "said"),
    [
        ({"arrival": "ramp", "from_rate": 0, "to_rate": 0}, (), "nothing would be offered"),
        ({"arrival": "ramp", "from_rate": 1, "to_rate": 2, "rate_per_s": 3}, ("rate_per_s",), "rates of its own"),
        ({"arrival": "ramp", "from_rate": 1, "to_rate": 2, "operations": 3}, ("operations",), "needs its duration"),
        ({"arrival": "steps", "steps": [{"rate_per_s": 0, "duration": 1}]}, (), "rate of every step is 0"),
        ({"arrival": "steps", "steps": [{"rate_per_s": 1, "duration": 0}]}, ("steps", 0, "duration"), "more than 0"),
        ({"arrival": "burst", "on": 0, "off": 1, "burst_rate": 2}, ("on",), "more than 0"),
        ({"arrival": "burst", "on": 1e-9, "off": 1e-9, "burst_rate": 2}, ("on",), "bursts in one trial"),
        ({"arrival": "uniform", "rate_per_s": 1, "spread": 1.5}, ("spread",), "at most 1"),
        ({"arrival": "gamma", "rate_per_s": 1, "cv": 0}, ("cv",), "at least 0.001"),
    ],
)
def test_a_shape_that_cannot_be_offered_is_a_mistake(keys: dict[str, Any], key: tuple[Any, ...], said: str) -> None:
    _, found = resolved(**keys)
    assert [one.path for one in found] == [key]
    assert said in found[0].message


@pytest.mark.parametrize("kind", OPEN)
def test_a_load_is_the_same_after_it_was_stored(kind: str) -> None:
    made = example(kind, 40)
    stored = from_data(Load, json.loads(json.dumps(to_data(made))))
    assert content_hash(stored) == content_hash(made)
    assert whole(stored, 1).tolist() == whole(made, 1).tolist()


@pytest.mark.parametrize("kind", [kind for kind in OPEN if kind != "trace"])
def test_a_million_arrivals_are_made_without_a_python_loop_over_them(kind: str) -> None:
    """Counted, not timed: the number of Python calls does not grow with the number of arrivals."""

    def calls(rate: float) -> int:
        made = example(kind, rate)
        seen = 0

        def count(_frame: Any, event: str, _arg: Any) -> None:
            nonlocal seen
            seen += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            whole(made, 1)
        finally:
            sys.setprofile(None)
        return seen

    assert calls(500_000) <= calls(500) + 100
