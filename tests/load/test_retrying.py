"""Retries are operations of their own: own number, own stamps, counted apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aifbench.load.retrying import again
from aifbench.model.load import Load, Retries
from aifbench.model.operation import RETRY_STEP, Operation
from aifbench.simulate.faults import FaultRule
from tests.load.blocking import run_blocking
from tests.simulators import behaviour, rows, run_worker, running, trial_job


def failed(error: str, attempt: int = 0, **more: Any) -> Operation:
    operation = Operation(5, "chat", 100, attempt)
    operation.start, operation.end = 200, 300
    operation.fail(error)
    for name, value in more.items():
        setattr(operation, name, value)
    return operation


def test_a_retry_repeats_the_work_under_a_number_of_its_own() -> None:
    retry = again(failed("reset"), Retries(2, ("reset",), backoff_s=1e-6))
    assert retry is not None
    assert (retry.seq, retry.kind, retry.intended, retry.attempt) == (5, "chat", 1300, 1)
    assert (retry.number, retry.retry_of) == (5 + RETRY_STEP, 5)


def test_a_retry_of_a_retry_names_the_one_before() -> None:
    retry = again(failed("reset", attempt=1), Retries(2, ("reset",)))
    assert retry is not None
    assert (retry.number, retry.retry_of) == (5 + 2 * RETRY_STEP, 5 + RETRY_STEP)


@pytest.mark.parametrize(
    ("operation", "retries"),
    [
        (failed("reset"), None),
        (failed("reset"), Retries(1, ("refused",))),
        (failed("reset", attempt=1), Retries(1, ("reset",))),
        (failed("reset", status="ok"), Retries(1, ("reset",))),
        (failed("unfinished", status="unfinished"), Retries(1, ("unfinished",))),
        (failed("stale", attempt=1, status="cancelled"), Retries(3, ("reset",))),
    ],
)
def test_what_the_recipe_does_not_ask_for_is_not_done_again(operation: Operation, retries: Retries | None) -> None:
    assert again(operation, retries) is None


def test_a_request_that_was_never_served_is_sent_again_at_once_whatever_the_recipe_says() -> None:
    stale = failed("stale", status="cancelled")
    for retries in (None, Retries(2, ("reset",), backoff_s=5)):
        retry = again(stale, retries, pause_ns=77)
        assert retry is not None
        assert (retry.intended, retry.attempt) == (300, 1)


def check_chain(found: list[dict[str, Any]]) -> None:
    """Every retry names a failed operation, begins after its end, and both have their own stamps."""
    by_number = {row["seq"]: row for row in found}
    assert len(by_number) == len(found)
    for row in found:
        if row["retry_of"] is not None:
            before = by_number[row["retry_of"]]
            assert before["status"] != "ok"
            assert row["t_intended"] >= before["t_end"]
            assert row["seq"] - row["retry_of"] == RETRY_STEP


@pytest.mark.parametrize(
    "load",
    [
        Load("constant", 0.5, rate_per_s=40, retries=Retries(1, ("http-503",), 0.01)),
        Load("closed", 5, concurrency=2, operations=12, retries=Retries(1, ("http-503",), 0.01)),
    ],
    ids=["open", "closed"],
)
def test_the_wire_engine_sends_a_failed_request_again(load: Load, tmp_path: Path) -> None:
    """Requests 2 and 3 of the server get a 503."""
    faults = (FaultRule("http-503", numbers=(2, 3)),)
    with running(behaviour(faults=faults)) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    found = rows(samples)
    check_chain(found)
    assert report["retried"] == sum(row["retry_of"] is not None for row in found) >= 1
    assert report["scheduled"] + report["retried"] == report["started"] == len(found)
    assert {row["status"] for row in found if row["retry_of"] is not None} <= {"ok", "error"}


def test_a_reused_connection_that_was_closed_is_tried_again_and_a_fresh_one_is_not(tmp_path: Path) -> None:
    """Request 0 is the first of its connection; request 2 finds its connection closed after one good answer."""
    load = Load("closed", 5, concurrency=1, operations=4)
    faults = (FaultRule("reset-before-head", numbers=(0, 2)),)
    with running(behaviour(faults=faults)) as simulator:
        samples, _ = run_worker(trial_job(tmp_path, simulator.port, load))
    found = rows(samples)
    check_chain(found)
    assert [(row["seq"], row["status"]) for row in found] == [
        (0, "error"),
        (1, "ok"),
        (2, "cancelled"),
        (3, "ok"),
        (2 + RETRY_STEP, "ok"),
    ]


def test_the_blocking_engine_does_a_failed_call_again_until_its_attempts_are_used_up(tmp_path: Path) -> None:
    load = Load("closed", 5, concurrency=2, operations=6, retries=Retries(2, ("busy",)))
    engine = run_blocking(tmp_path, load, lambda seq, attempt: (0.11, "busy" if seq == 3 or attempt < seq % 2 else ""))
    attempts = sorted((operation.seq, operation.attempt, operation.status) for operation in engine.operations)
    assert attempts == [
        (0, 0, "ok"),
        (1, 0, "error"),
        (1, 1, "ok"),
        (2, 0, "ok"),
        (3, 0, "error"),
        (3, 1, "error"),
        (3, 2, "error"),
        (4, 0, "ok"),
        (5, 0, "error"),
        (5, 1, "ok"),
    ]
    assert (engine.tally.scheduled, engine.tally.retried, engine.tally.started) == (6, 4, 10)


def test_nothing_is_done_again_once_the_load_has_ended(tmp_path: Path) -> None:
    load = Load("constant", 0.2, rate_per_s=50, retries=Retries(5, ("busy",), backoff_s=10))
    engine = run_blocking(tmp_path, load, lambda _seq, _attempt: (0.0, "busy"))
    assert engine.tally.retried == 0
    assert len(engine.operations) == 10
