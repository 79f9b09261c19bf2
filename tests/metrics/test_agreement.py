from __future__ import annotations

from collections.abc import Sequence

from aifbench.metrics.agreement import trial_spread
from aifbench.model.result import Metric, TrialResult, Validity


def trials(name: str, *seen: tuple[float | None, float | None, float | None], n: int = 1000) -> Sequence[TrialResult]:
    """One trial for each value with its interval."""
    return [
        TrialResult(
            f"p.t{number}", "p", number, Validity.VALID, (), {name: Metric(name, "", value, low, high, n)}, {}, None
        )
        for number, (value, low, high) in enumerate(seen, 1)
    ]


def test_trials_that_differ_by_more_than_half_and_more_than_chance_are_degraded() -> None:
    found = trial_spread(trials("response_time_p50", (0.010, 0.009, 0.011), (0.016, 0.015, 0.017)))
    assert found is not None
    assert found.verdict is Validity.DEGRADED
    assert "in trial 1" in found.text
    assert "in trial 2; 60.0 % more" in found.text


def test_less_than_half_is_no_disagreement() -> None:
    found = trial_spread(trials("response_time_p50", (0.010, 0.009, 0.011), (0.0149, 0.014, 0.016)))
    assert found is not None
    assert found.verdict is Validity.VALID


def test_intervals_that_overlap_are_no_disagreement() -> None:
    found = trial_spread(trials("response_time_p50", (0.010, 0.005, 0.020), (0.030, 0.015, 0.050)))
    assert found is not None
    assert found.verdict is Validity.VALID


def test_a_throughput_from_few_operations_may_differ_by_chance() -> None:
    few = trial_spread(trials("throughput", (1.0, None, None), (2.0, None, None), n=8))
    many = trial_spread(trials("throughput", (1.0, None, None), (2.0, None, None), n=800))
    assert few is not None
    assert many is not None
    assert (few.verdict, many.verdict) == (Validity.VALID, Validity.DEGRADED)


def test_one_trial_agrees_with_nobody() -> None:
    assert trial_spread(trials("throughput", (1.0, None, None))) is None
    assert trial_spread(trials("throughput", (1.0, None, None), (None, None, None))) is None
