"""What charts draw: documented shapes, seconds after T0, None where nothing is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aifbench.metrics.evaluate import evaluate_trial
from aifbench.metrics.in_flight import mean_in_flight
from aifbench.metrics.series import Bins, at_quantiles, quantile_grid
from aifbench.model.codec import to_data, to_json
from aifbench.model.load import Load
from aifbench.model.result import TrialResult
from tests.metrics.making import MS, T0, TRIAL, Row, point, samples, view

OPEN = Load("constant", duration_s=1.0, warmup_s=0.1, rate_per_s=100.0)


def trial(rows: list[Row], family: str = "common") -> TrialResult:
    return evaluate_trial(point(OPEN), TRIAL, samples(rows), family)


ROWS = [
    Row(0, 0, 60, phase="warmup"),
    Row(110, 110, 160),
    Row(120, 120, 320, op="put"),
    Row(250, 250, 290, "error", error="http-500", note="oops"),
    Row(260, 260, 360, "error", error="http-500", note="later"),
    Row(330, None, None, "dropped"),
    Row(340, 345, None, "unfinished"),
    Row(350, 350, 355),
]


def test_over_time_has_bins_from_t0_with_the_window_and_the_end_of_warm_up() -> None:
    found = trial(ROWS).series["over_time"]
    assert found["bin_s"] == 0.1
    assert found["t_s"] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert found["started"] == [1, 2, 2, 2]
    assert found["completed"] == [1, 1, 0, 2]
    assert found["errors"] == [0, 0, 1, 1]
    assert found["response_p50_s"] == [0.06, 0.05, None, 0.005]
    assert found["response_max_s"] == [0.06, 0.05, None, 0.2]
    assert found["response_p99_s"] == [None] * 4
    assert found["in_flight"] == pytest.approx([0.6, 1.3, 1.8, 0.2 + 0.6 + 0.55 + 0.05])
    assert (found["window_s"], found["warmup_end_s"]) == ([0.16, 0.35], 0.1)


def test_without_a_window_none_is_drawn() -> None:
    assert trial([Row(110, 110, 160)]).series["over_time"]["window_s"] is None


def test_errors_are_counted_by_kind_with_an_example() -> None:
    assert trial(ROWS).series["errors"] == {
        "http-500": {"count": 2, "example": "oops"},
        "unfinished": {"count": 1, "example": None},
    }


def test_operations_are_counted_apart_in_the_steady_phase() -> None:
    found = trial(ROWS).series["by_operation"]
    assert found["get"] == {"count": 6, "ok": 2, "errors": 3, "p50_s": None, "p99_s": None}
    assert found["put"] == {"count": 1, "ok": 1, "errors": 0, "p50_s": None, "p99_s": None}


def test_the_slowest_operations_come_with_their_stamps() -> None:
    found = trial(ROWS).series["slowest"]
    assert [row["seq"] for row in found] == [2, 4, 1, 3, 7]
    assert found[0] == {
        "seq": 2, "op": "put", "worker": 0, "status": "ok", "response_s": 0.2, "service_s": 0.2, "lag_s": 0.0,
        "intended_s": 0.12, "start_s": 0.12, "first_s": None, "last_s": 0.32, "end_s": 0.32,
    }  # fmt: skip


def test_quantiles_stop_where_n_does_not_carry_them() -> None:
    q = quantile_grid(368)
    assert 0.99 <= q[-1] < 0.992
    assert quantile_grid(5) == []
    assert (quantile_grid(6)[0], quantile_grid(6)[-1]) == (0.46, 0.54)
    assert 150 < len(quantile_grid(100_000)) < 210
    assert quantile_grid(100_000)[-1] > 0.9999
    assert all(left < right for left, right in zip(quantile_grid(10**6), quantile_grid(10**6)[1:], strict=False))
    assert at_quantiles(np.arange(100) * 1_000_000_000, [0.5, 0.9]) == [49.0, 89.0]


def test_operations_in_flight_are_integrated_exactly() -> None:
    """Two operations, 0 to 10 and 5 to 15 ms: 1, 2, 1, 0 in four bins of 5 ms."""
    operations = view([Row(0, 0, 10), Row(5, 5, 15)]).operations
    edges = Bins(T0, 5 * MS, 4).edges_ns
    assert mean_in_flight(operations, edges).tolist() == [1.0, 2.0, 1.0, 0.0]


def test_a_result_is_json_without_nan_also_when_there_is_nothing() -> None:
    for rows in (ROWS, []):
        for family in ("common", "llm", "vector", "sql", "object", "file", "command"):
            result = trial(rows, family)
            assert json.loads(to_json(result)) == json.loads(json.dumps(to_data(result), allow_nan=False))
