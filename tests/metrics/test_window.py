"""The common window: from the last worker's first completion after warm-up to the first worker's last start."""

from __future__ import annotations

import pytest

from aifbench.metrics.evaluate import evaluate_trial
from aifbench.metrics.window import NoWindow, Window, common_window
from aifbench.model.load import Load
from tests.metrics.making import CLOSED, MS, T0, TRIAL, Row, point, samples, users, view


def test_it_lies_between_the_last_first_completion_and_the_first_last_start() -> None:
    """Worker 0 ends at 10, 20, 30, 40; worker 1 at 15, 30, 45: from 15 to 30 ms."""
    rows = [Row(t, t, t + 10) for t in (0, 10, 20, 30)] + [Row(t, t, t + 15, worker=1) for t in (0, 15, 30)]
    assert view(rows).window == Window(T0 + 15 * MS, T0 + 30 * MS)


def test_starts_that_waited_beyond_the_end_of_the_load_do_not_prolong_it() -> None:
    """Ten offered in 100 ms, done one after the other in 20 ms each: 50 per second of 100."""
    rows = [Row(10 * i, 20 * i, 20 * i + 20) for i in range(10)]
    load = Load("constant", duration_s=0.1, rate_per_s=100.0, max_in_flight=1)
    found = evaluate_trial(point(load), TRIAL, samples(rows), "common").metrics
    assert found["throughput"].value == 50.0
    assert found["offered_rate"].value == 87.5


def test_completions_in_the_warm_up_do_not_open_it() -> None:
    rows = [Row(t, t, t + 10, phase="warmup" if t < 25 else "steady") for t in (0, 10, 20, 30, 40, 50)]
    load = Load("closed", duration_s=0.04, warmup_s=0.025, concurrency=1)
    assert view(rows, load).window == Window(T0 + 30 * MS, T0 + 50 * MS)


def test_the_completion_that_opens_it_is_its_fence_post() -> None:
    """One user, 10 ms per operation: exactly 100 per second, not 150."""
    found = evaluate_trial(point(), TRIAL, samples(users(1, 10, 5)), "common").metrics
    assert (found["throughput"].value, found["throughput"].n) == (100.0, 3)
    assert found["offered_rate"].value == 100.0
    assert found["start_rate"].value == 100.0
    assert found["in_flight_mean"].value == 1.0


def test_two_users_give_twice_the_throughput() -> None:
    found = evaluate_trial(point(), TRIAL, samples(users(2, 10, 5)), "common").metrics
    assert found["throughput"].value == 200.0
    assert found["in_flight_mean"].value == 2.0


def test_failures_do_not_count_as_throughput() -> None:
    rows = users(1, 10, 5)
    rows[2] = Row(20, 20, 30, "error", error="http-500")
    found = evaluate_trial(point(), TRIAL, samples(rows), "common").metrics
    assert found["throughput"].value == pytest.approx(200 / 3, rel=1e-15)
    assert (found["error_rate"].value, found["error_rate"].n) == (0.2, 5)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "there are no samples"),
        ([Row(0, 0, 10)], "the load was too short"),
        ([Row(0, 0, 10), Row(10, 10.001, 20)], "too few operations"),
        ([*users(1, 10, 5), Row(0, 0, None, "unfinished", worker=1)], "worker 1 completed nothing after the warm-up"),
    ],
)
def test_where_there_is_none_the_rates_say_why(rows: list[Row], reason: str) -> None:
    found = common_window(view(rows).operations, T0, T0 + 1000 * MS)
    assert isinstance(found, NoWindow)
    assert reason in found.reason
    result = evaluate_trial(point(), TRIAL, samples(rows), "common")
    assert result.window_ns is None
    for name in ("throughput", "offered_rate", "goodput", "attainment", "in_flight_mean"):
        assert result.metrics[name].value is None
        assert reason in result.metrics[name].reason


def test_the_window_of_a_trial_is_in_its_result() -> None:
    result = evaluate_trial(point(CLOSED), TRIAL, samples(users(1, 10, 5)), "common")
    assert result.window_ns == (T0 + 10 * MS, T0 + 40 * MS)
