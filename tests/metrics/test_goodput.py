"""Goodput: what was offered in the window and was good."""

from __future__ import annotations

import pytest

from aifbench.metrics.evaluate import evaluate_trial
from aifbench.model.load import Load
from aifbench.model.result import Metric
from tests.metrics.making import TRIAL, Row, point, samples

OPEN = Load("constant", duration_s=1.0, rate_per_s=100.0)


def rows(lengths: list[float], **more: object) -> list[Row]:
    """One operation every 10 ms; the window reaches from the first end to the last start."""
    return [Row(10 * i, 10 * i, 10 * i + length, **more) for i, length in enumerate(lengths)]  # type: ignore[arg-type]


def goodput(operations: list[Row], *slo: str, family: str = "common") -> tuple[Metric, Metric]:
    found = evaluate_trial(point(OPEN, slo), TRIAL, samples(operations), family).metrics
    return found["goodput"], found["attainment"]


def test_an_operation_over_its_limit_is_not_good() -> None:
    """Window 5 to 100 ms: ten operations offered, two of them slow."""
    lengths = [5.0, 5, 5, 50, 5, 5, 50, 5, 5, 5, 5]
    good, share = goodput(rows(lengths), "response_time_p99 < 20ms")
    assert good.value == pytest.approx(8 / 0.095, rel=1e-15)
    assert (good.n, share.value, share.n) == (8, 0.8, 10)
    assert goodput(rows(lengths))[1].value == 1.0


def test_the_limit_itself_is_good_only_with_or_equal() -> None:
    lengths = [5.0] * 11
    assert goodput(rows(lengths), "response_time_p99 <= 5ms")[1].value == 1.0
    assert goodput(rows(lengths), "response_time_p99 < 5ms")[1].value == 0.0


def test_failures_and_dropped_operations_are_offered_but_not_good() -> None:
    operations = rows([5.0] * 11)
    operations[4] = Row(40, 40, 45, "error")
    operations[5] = Row(50, None, None, "dropped")
    assert goodput(operations)[1].value == 0.8


def test_a_limit_for_one_kind_of_operation_leaves_the_others_alone() -> None:
    operations = [Row(10 * i, 10 * i, 10 * i + 9, op="put" if i % 2 else "get") for i in range(12)]
    assert goodput(operations, "put.response_time_p99 < 5ms")[1].value == pytest.approx(5 / 11, rel=1e-15)


def test_what_the_validator_refused_is_not_good() -> None:
    operations = [Row(10 * i, 10 * i, 10 * i + 5, own={"valid": i != 3}) for i in range(11)]
    assert goodput(operations)[1].value == 0.9


def test_a_limited_latency_that_was_not_measured_makes_goodput_unknown() -> None:
    good, share = goodput(rows([5.0] * 11), "ttft_p99 < 1s", family="llm")
    assert good.value is None
    assert "ttft, which an SLO limits, was not measured" in good.reason
    assert share.reason == good.reason


def test_a_request_of_one_token_keeps_a_limit_on_tpot() -> None:
    operations = [
        Row(
            10 * i,
            10 * i,
            10 * i + 5,
            own={"event_ns": events(10 * i, 1 if i == 3 else 2), "output_tokens": 1 if i == 3 else 2},
        )
        for i in range(11)
    ]
    assert goodput(operations, "tpot_p99 < 2ms", family="llm")[1].value == 1.0


def events(start_ms: float, count: int) -> list[int]:
    return [7_000_000_000_000 + round((start_ms + 1 + i) * 1_000_000) for i in range(count)]
