"""What the stamps themselves say about the numbers, and what the machine had left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aifbench.load.transport.delays import Delays
from aifbench.load.transport.http import HttpClient
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.metrics.evaluate import evaluate_trial
from aifbench.model.load import Load
from aifbench.model.operation import Operation
from aifbench.model.result import Finding, TrialResult, Validity
from tests.load.test_kernel_time import S, clock, stamp
from tests.metrics.making import MS, T0, TRIAL, Row, point, samples

VALID, DEGRADED = Validity.VALID, Validity.DEGRADED
LOAD = Load("constant", duration_s=1.0, rate_per_s=100.0)
ROWS = [Row(10 * i, 10 * i, 10 * i + 5) for i in range(100)]


def judged(rows: list[Row] = ROWS, family: str = "common", **more: Any) -> TrialResult:
    return evaluate_trial(point(LOAD), TRIAL, samples(rows, **more), family)


def found(result: TrialResult, code: str) -> Finding:
    return next(finding for finding in result.findings if finding.code == code)


def kernel(**facts: Any) -> dict[str, Any]:
    return {"facts": {"timestamps": "kernel", **facts}}


def test_a_clock_step_degrades_and_says_how_many_stamps_it_cost() -> None:
    result = judged(**kernel(clock_steps=1, stamps=1000, stamps_replaced=40))
    assert found(result, "clock-step").verdict is DEGRADED
    assert "1 step of the wall clock, 40 of 1000 stamps" in found(result, "clock-step").text
    assert found(judged(**kernel(clock_steps=0, stamps=10)), "clock-step").verdict is VALID


def test_user_stamps_know_nothing_of_the_wall_clock() -> None:
    result = judged(facts={"timestamps": "user", "clock_steps": 0})
    assert "clock-step" not in {finding.code for finding in result.findings}


def test_a_clock_that_was_stepped_during_the_load_reaches_the_facts_of_the_client() -> None:
    client = HttpClient("http://127.0.0.1:1", lambda _: b"", kernel_stamps=True)
    client._kernel_clock = clock((100 * S, -90 * S), (101 * S, -90 * S), (103 * S, -91 * S))

    def ended(wall: int, read: int) -> Operation:
        operation, answer = Operation(0, "get", 0), HttpAnswer()
        answer.kernel, answer.stamps, answer.first_ns = [stamp(wall)], [read], read
        operation.detail, operation.first, operation.last, operation.end = answer, read, read, read
        return operation

    good, around = ended(100 * S + S // 2, 10 * S + S // 2 + 300), ended(102 * S, 11 * S + S // 2)
    client.settle([good, around])
    assert (good.end, around.end) == (10 * S + S // 2, 11 * S + S // 2)
    facts = client.facts()
    assert (facts["clock_steps"], facts["stamps"], facts["stamps_replaced"]) == (1, 2, 1)
    assert facts["read_delay_ns"]["max"] == 300


def test_the_read_delay_is_a_metric_and_a_check() -> None:
    late = judged(**kernel(read_delay_ns={"p50": 30_000, "p99": 12_000_000, "max": 20_000_000}, stamps=77))
    assert (late.metrics["read_delay_p50"].value, late.metrics["read_delay_p50"].n) == (30e-6, 77)
    assert (late.metrics["read_delay_p99"].value, found(late, "read-delay").verdict) == (12e-3, DEGRADED)
    quick = judged(**kernel(read_delay_ns={"p50": 30_000, "p99": 90_000, "max": 20_000_000}))
    assert found(quick, "read-delay").verdict is VALID


def test_without_stamps_of_the_kernel_nobody_knows_the_read_delay() -> None:
    metric = judged().metrics["read_delay_p99"]
    assert (metric.value, "load.timestamps" in metric.reason) == (None, True)


def streamed(merge_every: int) -> list[Row]:
    """Ten events per answer; in every `merge_every`-th answer two of them share a stamp."""
    return [
        Row(10 * i, 10 * i, 10 * i + 9, own={
            "event_ns": [T0 + MS * 10 * i + MS * (k - (k == 1 and i % merge_every == 0)) for k in range(10)],
            "output_tokens": 10, "output_tokens_source": "usage",
        })
        for i in range(100)
    ]  # fmt: skip


@pytest.mark.parametrize("family", ["llm", "http"])
def test_events_that_share_a_read_are_counted_and_degrade_above_their_share(family: str) -> None:
    few, many = judged(streamed(10), family), judged(streamed(1), family)
    assert few.metrics["merged_events_share"].value == pytest.approx(0.01)
    assert found(few, "merged-reads").verdict is VALID
    assert many.metrics["merged_events_share"].value == pytest.approx(0.1)
    assert found(many, "merged-reads").verdict is DEGRADED


def look(used: int, limit: int, busy: int, made: int) -> dict[str, Any]:
    after = {"open_descriptors": used, "hard_descriptors": limit, "ports": 1000, "busy_ports": busy}
    return {"preflight": {"descriptors": limit, "after": after}, "facts": {"connects_in_load": made}}


def test_few_descriptors_or_ports_left_degrade() -> None:
    result = judged(**look(950, 1000, 900, 5))
    assert found(result, "descriptors").verdict is found(result, "ports").verdict is DEGRADED
    result = judged(**look(100, 1000, 100, 5))
    assert found(result, "descriptors").verdict is found(result, "ports").verdict is VALID


def test_ports_do_not_matter_where_no_connection_was_made_during_the_load() -> None:
    assert "ports" not in {finding.code for finding in judged(**look(1, 1000, 999, 0)).findings}


def test_a_target_that_is_not_what_was_named_gets_one_clear_hint() -> None:
    rows = [
        Row(10 * i, 10 * i, 10 * i + 5, "error", error="not-a-stream", note="text/html: {<html>}") for i in range(99)
    ]
    result = judged([*rows, Row(990, 990, 995, "error", error="reset")])
    errors = found(result, "errors")
    assert errors.verdict is Validity.INVALID
    assert "100 of 100 operations failed (99 not-a-stream, 1 reset)" in errors.text
    assert errors.hint == (
        "the target is not what the recipe names: check its address, path and protocol; "
        "one of them: text/html: {<html>}"
    )


def test_delays_are_exact_to_one_percent_in_constant_memory() -> None:
    delays = Delays()
    assert delays.spread() == {"p50": None, "p99": None, "max": None}
    values = np.arange(1, 1_000_001)
    for part in np.split(values, 10):
        delays.add(part)
    delays.add(np.array([0, 10**12]))
    spread = delays.spread()
    assert spread["p50"] == pytest.approx(500_000, rel=0.011)
    assert spread["p99"] == pytest.approx(990_000, rel=0.011)
    assert spread["max"] == 10**12
