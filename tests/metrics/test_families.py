"""What vector, sql, object, file and command workloads add."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aifbench.metrics.declare import FAMILIES, declaration, declared, preparation
from aifbench.metrics.evaluate import evaluate_trial
from aifbench.metrics.vector import CurvePoint, efficiency, fixed_recall_metrics, frontier, qps_at
from aifbench.model.result import Metric, TrialResult, Validity
from tests.metrics.making import CLOSED, TRIAL, Row, point, samples


def trial(rows: list[Row], family: str, **report: Any) -> TrialResult:
    where = replace(point(CLOSED), options={"k": 10})
    return evaluate_trial(where, TRIAL, samples(rows, **report), family)


def serial(count: int, own: Any = None, **more: Any) -> list[Row]:
    """10 ms each, one after the other: the window is (10, 10·(count−1)] ms."""
    return [Row(10 * i, 10 * i, 10 * i + 10, own=own(i) if own else {}, **more) for i in range(count)]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_metric_of_a_trial_is_declared_with_the_same_unit(family: str) -> None:
    for rows in (serial(8), []):
        for name, metric in trial(rows, family).metrics.items():
            row = declaration(name, family)
            assert row is not None, name
            assert (metric.name, metric.unit) == (name, row.unit)
            assert metric.value is not None or metric.reason, name


@pytest.mark.parametrize("family", FAMILIES)
def test_every_declared_metric_appears_in_a_trial(family: str) -> None:
    assert set(declared(family)) <= set(trial(serial(8), family).metrics)


def test_declarations_say_what_where_from_and_which_way() -> None:
    for family in FAMILIES:
        for row in [*declared(family).values(), *preparation(family).values()]:
            assert row.definition
            assert row.source
            assert row.unit


# vector


def test_recall_is_given_per_query_with_its_low_tail() -> None:
    """40 queries of which four found 5 of 10: the 10th percentile needs 36."""
    rows = serial(
        40,
        lambda i: {
            "recall": 0.5 if i < 4 else 1.0,
            "strict_recall": 0.5,
            "returned": 10 - (i == 0),
            "duplicates": 2 * (i < 2),
        },
    )
    found = trial(rows, "vector").metrics
    assert found["recall_mean"].value == pytest.approx(0.95, rel=1e-15)
    assert (found["recall_p10"].value, found["recall_p10"].n, found["recall_p1"].value) == (0.5, 40, None)
    assert found["strict_recall_mean"].value == 0.5
    assert (found["short_answers_share"].value, found["duplicate_answers_share"].value) == (0.025, 0.05)
    assert found["qps"].value == 100.0


CURVE = [
    CurvePoint("a", 0.80, 1000),
    CurvePoint("b", 0.92, 400),
    CurvePoint("c", 0.96, 200),
    CurvePoint("d", 0.90, 300),
]


def test_qps_at_a_recall_is_read_between_neighbours_of_the_frontier() -> None:
    assert [item.point for item in frontier(CURVE)] == ["a", "b", "c"]
    assert qps_at(CURVE, 0.92) == 400
    assert qps_at(CURVE, 0.94) == pytest.approx(300, rel=1e-9)
    assert qps_at(CURVE, 0.5) == 1000
    assert qps_at(CURVE, 0.97) is None
    assert qps_at([], 0.5) is None


def test_a_recall_that_the_curve_does_not_reach_is_n_a_with_the_reason() -> None:
    found = {metric.name: metric for metric in fixed_recall_metrics(CURVE)}
    assert found["qps_at_recall_0.9"].value == pytest.approx(500, rel=1e-9)
    assert found["qps_at_recall_0.95"].value == pytest.approx(250, rel=1e-9)
    assert found["qps_at_recall_0.99"] == Metric(
        "qps_at_recall_0.99", "1/s", None, n=4, reason="the recall–QPS curve ends at recall 0.9600"
    )


def test_efficiency_compares_with_the_bound_at_equal_recall() -> None:
    assert efficiency(CurvePoint("x", 0.94, 150), CURVE).value == pytest.approx(0.5, rel=1e-9)
    assert "ends at recall 0.9600" in efficiency(CurvePoint("x", 0.99, 150), CURVE).reason
    assert efficiency(CurvePoint("x", 0.9, 1), []).reason == "no in-process target was measured beside it"


# sql


def test_tps_is_committed_transactions_in_the_window() -> None:
    rows = serial(6)
    rows[2] = Row(20, 20, 30, "error", error="sqlstate-40001")
    assert trial(rows, "sql").metrics["tps"].value == pytest.approx(3 / 0.04, rel=1e-15)


# object


def test_bandwidth_counts_bytes_of_successes_that_ended_in_the_window() -> None:
    """Window (10, 70] ms: six operations of 1000 bytes in and 10 out, one of them failed."""
    rows = serial(8, bytes_in=1000, bytes_out=10)
    rows[3] = Row(30, 30, 40, "error", bytes_in=500)
    found = trial(rows, "object").metrics
    assert found["bandwidth_in"].value == pytest.approx(5000 / 0.06, rel=1e-15)
    assert found["bandwidth_out"].value == pytest.approx(50 / 0.06, rel=1e-15)


def test_a_direction_in_which_nothing_moved_has_no_bandwidth_rather_than_zero() -> None:
    found = trial(serial(8, bytes_in=1000), "object").metrics
    assert (found["bandwidth_out"].value, found["bandwidth_out"].reason) == (None, "no operation sent an object")
    assert trial(serial(8, bytes_in=1000), "file").metrics["write_bandwidth"].reason == "no operation did write bytes"


def test_time_to_first_byte_is_a_column() -> None:
    found = trial(serial(8, lambda i: {"ttfb_ns": 1_000_000 + i}), "object").metrics
    assert found["ttfb_p50"].value == 1_000_003 / 1e9


def test_wrong_content_makes_a_trial_invalid() -> None:
    result = trial(serial(8, lambda i: {"verified": None if i < 4 else i != 5}), "object")
    assert (result.metrics["verified"].value, result.metrics["mismatched"].value) == (4, 1)
    assert result.validity is Validity.INVALID
    by_facts = trial(serial(8), "object", facts={"verified": 7, "mismatched": 0})
    assert (by_facts.metrics["verified"].value, by_facts.validity) == (7, Validity.VALID)
    assert trial(serial(8), "object").metrics["verified"].reason == "no content was checked"


# file


def test_file_bandwidths_and_the_device_beside_them() -> None:
    facts = {"device_read_bytes": 0, "device_write_bytes": 1600}
    found = trial(serial(8, bytes_in=100, bytes_out=200), "file", facts=facts).metrics
    assert found["read_bandwidth"].value == pytest.approx(600 / 0.06, rel=1e-15)
    assert found["write_bandwidth"].value == pytest.approx(1200 / 0.06, rel=1e-15)
    assert found["iops"].value == pytest.approx(100, rel=1e-15)
    synced = trial(serial(8, lambda i: {"fsync_ns": 5_000_000 if i % 2 else None}), "file").metrics
    assert (synced["fsync_mean"].value, synced["fsync_mean"].n) == (0.005, 4)
    assert found["fsync_mean"].reason == "nothing was synced"
    assert (found["device_read_share"].value, found["device_write_share"].value) == (0.0, 1.0)


def test_a_driven_tools_own_rates_hold() -> None:
    own = {
        "read_bandwidth": 1e6,
        "write_bandwidth": None,
        "read_iops": 10.0,
        "write_iops": None,
        "read_latency_ns_p99": 7.0,
    }
    found = trial(serial(8, lambda _: own), "file").metrics
    assert (found["read_bandwidth"].value, found["iops"].value) == (1e6, 10.0)
    assert found["write_bandwidth"].reason == "the tool did none of it"
    assert found["value.read_latency_ns_p99_mean"].value == 7.0


# command


def test_a_commands_durations_exit_codes_and_printed_numbers() -> None:
    rows = [
        Row(10 * i, 10 * i, 10 * i + 4 + 2 * (i % 2), own={"exit_code": 0, "value.score": 2.0 + i}) for i in range(4)
    ]
    rows.append(Row(40, 40, 45, "error", error="exit-3", own={"exit_code": 3}))
    result = trial(rows, "command")
    found = result.metrics
    assert found["nonzero_exits"].value == 1
    assert (found["duration_mean"].value, found["duration_mean"].n) == (0.005, 4)
    assert found["duration_sd"].value == pytest.approx(0.001 * (4 / 3) ** 0.5, rel=1e-12)
    assert (found["value.score_mean"].value, found["value.score_max"].value) == (3.5, 5.0)
    assert found["value.score_p50"].reason == "n=4, 6 needed"
    assert result.series["exit_codes"] == {"0": 4, "3": 1}
