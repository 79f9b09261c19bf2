"""Response and service times, adjusted percentiles, shares."""

from __future__ import annotations

from aifbench.metrics.evaluate import evaluate_trial
from aifbench.model.load import Load
from aifbench.model.result import Metric
from tests.metrics.making import TRIAL, Row, point, samples

OPEN = Load("constant", duration_s=1.0, rate_per_s=100.0)


def metrics(rows: list[Row], load: Load = OPEN, **more: object) -> dict[str, Metric]:
    return dict(evaluate_trial(point(load), TRIAL, samples(rows, **more), "common").metrics)


def test_response_counts_from_the_intended_and_service_from_the_actual_start() -> None:
    """Six operations, 3 ms late, 5 ms to 10 ms long."""
    found = metrics([Row(10 * i, 10 * i + 3, 10 * i + 8 + i) for i in range(6)])
    assert found["response_time_p50"] == Metric("response_time_p50", "s", 0.010, 0.008, 0.013, 6)
    assert found["service_time_p50"] == Metric("service_time_p50", "s", 0.007, 0.005, 0.010, 6)
    assert found["schedule_lag_p50"] == Metric("schedule_lag_p50", "s", 0.003, 0.003, 0.003, 6)
    assert found["response_time_mean"] == Metric("response_time_mean", "s", 0.0105, n=6)
    assert (found["response_time_min"].value, found["response_time_max"].value) == (0.008, 0.013)


def test_a_nanosecond_is_not_lost() -> None:
    rows = [Row(i, i, i + 1.000001) for i in range(6)]
    assert metrics(rows)["service_time_p50"].value == 1_000_001 / 1e9


def test_a_tail_percentile_without_enough_samples_is_refused_with_n() -> None:
    found = metrics([Row(10 * i, 10 * i, 10 * i + 5) for i in range(71)])
    assert found["response_time_p95"] == Metric("response_time_p95", "s", None, n=71, reason="n=71, 72 needed")
    assert found["response_time_p99"].reason == "n=71, 368 needed"


def test_warm_up_and_failures_are_in_no_latency() -> None:
    good = [Row(10 * i, 10 * i, 10 * i + 5) for i in range(10)]
    bad = [Row(200, 200, 900, "timeout"), Row(0, 0, 500, phase="warmup"), Row(300, 300, None, "unfinished")]
    found = metrics(good + bad)
    assert (found["response_time_max"].value, found["response_time_max"].n) == (0.005, 10)


def test_a_failed_or_dropped_operation_counts_as_infinite_in_adjusted_percentiles() -> None:
    good = [Row(10 * i, 10 * i, 10 * i + 5) for i in range(364)]
    bad = [Row(4000, 4000, 4005, "error"), Row(4010, None, None, "dropped"), Row(4020, 4020, None, "unfinished")]
    found = metrics([*good, *bad, Row(4030, 4030, 4040, "timeout")])
    assert found["response_time_p99"].value is None  # 364 successes are too few
    assert (
        found["response_time_p99_adjusted"]
        == Metric(
            "response_time_p99_adjusted", "s", None, n=368, reason="+∞: 4 of 368 operations failed or were dropped"
        )
        or found["response_time_p99_adjusted"].value == 0.005
    )
    assert found["response_time_p50_adjusted"].value == 0.005
    one = metrics([*good, Row(4000, 4000, 4005, "error"), *(Row(4010 + i, 4010 + i, 4015 + i) for i in range(3))])
    assert (one["response_time_p99_adjusted"].value, one["response_time_p99_adjusted"].high) == (0.005, None)
    assert one["response_time_p99_adjusted"].reason.startswith("+∞: 1 of 368")


def test_shares_of_the_steady_phase() -> None:
    rows = [
        *(Row(i, i, i + 1) for i in range(5)),
        Row(5, 5, 6, "error"),
        Row(6, 6, 7, "timeout"),
        Row(7, 7, None, "unfinished"),
        Row(8, 8, 9, "cancelled"),
        Row(9, None, None, "dropped"),
        Row(0, 0, 1, "error", phase="warmup"),
    ]
    found = metrics(rows)
    assert (found["error_rate"].value, found["error_rate"].n) == (3 / 8, 8)
    assert (found["dropped_share"].value, found["dropped_share"].n) == (0.1, 10)
    counts = evaluate_trial(point(OPEN), TRIAL, samples(rows), "common").counts
    assert counts == {
        "scheduled": 11,
        "started": 10,
        "ok": 5,
        "error": 2,
        "timeout": 1,
        "cancelled": 1,
        "unfinished": 1,
        "dropped": 1,
    }


def test_several_kinds_of_operation_are_also_given_apart() -> None:
    rows = [Row(10 * i, 10 * i, 10 * i + (2 if i % 2 else 6), op="put" if i % 2 else "get") for i in range(20)]
    found = metrics(rows)
    assert (found["get.response_time_p50"].value, found["put.response_time_p50"].value) == (0.006, 0.002)
    assert found["put.error_rate"].value == 0.0
    assert "get.schedule_lag_p50" not in found


def test_warm_up_is_in_no_number_of_a_single_kind_of_operation() -> None:
    rows = [Row(10 * i, 10 * i, 10 * i + 2, op="put" if i % 2 else "get") for i in range(20)]
    found = metrics([Row(0, 0, 900, op="get", phase="warmup"), *rows])
    assert (found["get.response_time_max"].value, found["get.response_time_max"].n) == (0.002, 10)


def test_connect_times_come_from_the_workers_and_are_n_a_without() -> None:
    rows = [Row(i, i, i + 1) for i in range(6)]
    found = metrics(rows, connect_s=[0.001, 0.002, 0.003, 0.004, 0.005, 0.006])
    assert found["connect_time_p50"].value == 0.003
    assert metrics(rows)["connect_time_p50"].reason == "no worker reported connect times"
