"""Decisions to end a load early, as functions of numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from aifbench.load.stopping import StopCall, Stopping, call_off, called_off, errors_stop, grows, read_call
from aifbench.model.load import Load, Stop

TICKS_S = [tick / 20 for tick in range(200)]  # ten seconds


@pytest.mark.parametrize(
    ("ended", "errors", "limit", "after", "stops"),
    [
        (50, 26, 0.5, 50, True),
        (50, 25, 0.5, 50, False),  # a share of exactly the limit is allowed
        (49, 49, 0.5, 50, False),  # not before enough have ended
        (1000, 1000, None, 50, False),
        (1000, 11, 0.01, 50, True),
    ],
)
def test_errors_end_a_load_above_their_limit_once_enough_ended(
    ended: int, errors: int, limit: float | None, after: int, *, stops: bool
) -> None:
    assert errors_stop(ended, errors, limit, after) is stops


def test_a_backlog_that_grows_all_the_time_is_overload() -> None:
    assert grows(TICKS_S, [round(50 * when) for when in TICKS_S], offered=1000)


@pytest.mark.parametrize(
    ("backlog", "why"),
    [
        ([100] * 200, "steady"),
        ([min(tick, 50) for tick in range(200)], "grew at first and then stayed"),
        ([200 - tick for tick in range(200)], "shrinks"),
        ([tick % 50 for tick in range(200)], "bursts that are worked off"),
        ([tick // 4 for tick in range(200)], "grows by less than chance and share"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_backlog_that_does_not_grow_through_all_quarters_is_none(backlog: list[int], why: str) -> None:
    assert not grows(TICKS_S, backlog, offered=1000), why


@pytest.mark.parametrize(("seconds", "offered"), [(2.9, 1000), (10, 99)])
def test_too_short_a_time_and_too_few_operations_are_not_judged(seconds: float, offered: int) -> None:
    when = [seconds * tick / 199 for tick in range(200)]
    assert not grows(when, list(range(0, 2000, 10)), offered)


def stop_of_queue(rate: float, capacity: float, seconds: float, warmup_s: float = 2.0) -> tuple[float, StopCall] | None:
    """When a first-come-first-served target with that capacity is called overloaded."""
    stopping = Stopping(Load("constant", seconds, warmup_s, rate_per_s=rate, stop=Stop(overload=True)), 1)
    for tick in range(1, int(seconds * 20)):
        now = tick / 20
        due = int(rate * now)
        ended = int(min(rate, capacity) * now)
        call = stopping.look(now, due, ended, 0, due - ended, now - ended / rate)
        if call is not None:
            return now, call
    return None


def test_a_target_that_serves_half_of_what_is_offered_is_found_soon() -> None:
    found = stop_of_queue(rate=200, capacity=100, seconds=60)
    assert found is not None
    assert found[0] < 10
    assert found[1].code == "overload"
    assert "operations in flight grew from" in found[1].reason


@pytest.mark.parametrize("capacity", [100, 101, 150])
def test_a_target_that_keeps_up_is_never_called_overloaded(capacity: float) -> None:
    assert stop_of_queue(rate=100, capacity=capacity, seconds=60) is None


def test_long_operations_that_have_not_come_back_yet_are_no_overload() -> None:
    """Each takes 20 s: until then operations in flight only grow, and afterwards they stay."""
    stopping = Stopping(Load("constant", 60, 2, rate_per_s=50, stop=Stop(overload=True)), 1)
    for tick in range(1, 1200):
        now = tick / 20
        due = int(50 * now)
        ended = int(50 * max(0.0, now - 20))
        assert stopping.look(now, due, ended, 0, due - ended, min(now, 20.0)) is None


def test_each_worker_judges_its_share_of_the_errors() -> None:
    stopping = Stopping(Load("constant", 60, rate_per_s=50, stop=Stop(error_rate=0.5, after=100)), 4)
    assert stopping.look(1, 24, 24, 24, 0, 0) is None
    assert stopping.look(1, 25, 25, 25, 0, 0) == StopCall(
        "errors", "25 of 25 operations failed, more than stop.error_rate 0.5"
    )


def test_a_call_is_heard_by_all_workers_and_the_first_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "stop.json"
    assert called_off(file, 0, lambda: None) is None
    first = StopCall("overload", "it grew")
    assert called_off(file, 0, lambda: first) == first
    call_off(file, StopCall("errors", "later"), 1)
    assert called_off(file, 1, lambda: None) == first


def test_a_stop_file_without_words_is_a_request(tmp_path: Path) -> None:
    file = tmp_path / "stop.json"
    file.write_text("{}")
    assert read_call(file) == StopCall("requested", "stop requested")
