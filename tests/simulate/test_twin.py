"""The virtual-clock twin against closed forms, and every metric made from its samples, exact to the nanosecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aifbench.load.schedule import phase, whole
from aifbench.metrics.evaluate import evaluate_trial
from aifbench.model.load import Load
from aifbench.model.operation import Operation
from aifbench.model.plan import LoadPoint, Trial
from aifbench.model.result import Metric
from aifbench.model.samples import Samples
from aifbench.samples.write import to_table
from aifbench.simulate.faults import FaultRule
from aifbench.simulate.server import Behaviour
from aifbench.simulate.timing import Timing, parse_delay
from aifbench.simulate.twin import T0_NS, play
from tests.simulators import behaviour, rows, run_worker, running, trial_job

MS = 1_000_000
S = 1_000_000_000
OPEN = Load("constant", duration_s=40.0, rate_per_s=10.0, drain_s=1000.0, timeout_s=1000.0)


def measured(operations: Sequence[Operation], load: Load, *, tokens: int, slo: Sequence[str] = ()) -> dict[str, Metric]:
    """Through the same table and the same evaluation as a real trial."""
    ends = (round(load.warmup_s * S), round(load.steady_end_s * S))
    own: dict[str, list[Any]] = {
        "event_ns": [list(one.detail or ()) for one in operations],
        "output_tokens": [tokens] * len(operations),
        "output_tokens_source": ["usage"] * len(operations),
        "input_tokens": [3] * len(operations),
    }
    names = {"run": "r", "point": "p", "trial": 1, "worker": 0}
    table = to_table(operations, own, names, lambda one: phase(one.intended - T0_NS, *ends), {})
    dropped = sum(one.status == "dropped" for one in operations)
    report = {
        "worker": 0,
        "t0_ns": T0_NS,
        "scheduled": len(operations),
        "started": len(operations) - dropped,
        "dropped": dropped,
        "ended": {name: sum(one.status == name for one in operations) for name in {one.status for one in operations}},
    }
    point = LoadPoint("p", "w", "llm-chat", "t", {}, load, "", tuple(slo))
    result = evaluate_trial(point, Trial("p.t1", "p", 1, 1), Samples(table, (report,)), "llm")
    wrong = [found for found in result.findings if found.code in ("conservation", "rows", "littles-law", "concurrency")]
    assert [found for found in wrong if found.verdict.value != "VALID"] == []
    return dict(result.metrics)


def values(found: dict[str, Metric], *names: str) -> tuple[float | None, ...]:
    return tuple(found[name].value for name in names)


# streams of known timing, nothing waits


def test_constant_streams_give_exactly_the_timing_that_was_set() -> None:
    """First token after 100 ms, 11 tokens 10 ms apart: 200 ms in all."""
    operations = play(behaviour("100ms", "10ms"), OPEN, whole(OPEN, 1).tolist(), events=11)
    found = measured(operations, OPEN, tokens=11)
    for name in ("ttft", "ttft_user", "ttft_service"):
        assert values(found, f"{name}_mean", f"{name}_p50", f"{name}_p99", f"{name}_max") == (0.1,) * 4
    for name in ("tpot", "icl", "itl"):
        assert values(found, f"{name}_mean", f"{name}_min", f"{name}_p50", f"{name}_max") == (0.01,) * 4
    for name in ("response_time", "service_time", "e2e"):
        assert values(found, f"{name}_min", f"{name}_p99", f"{name}_max") == (0.2,) * 3
    assert values(found, "schedule_lag_max", "error_rate", "dropped_share") == (0.0, 0.0, 0.0)


def test_rates_are_those_of_the_window_from_the_first_end_to_the_last_start() -> None:
    """Ends at 0.2, 0.3, … s; starts at 0, 0.1, … 39.9 s: the window (0.2, 39.9] s holds 397 ends of 10 per second.

    Its tokens: of request k at k/10 + 0.1 … k/10 + 0.2 s. Those later than 0.2 s and not later than 39.9 s.
    """
    operations = play(behaviour("100ms", "10ms"), OPEN, whole(OPEN, 1).tolist(), events=11)
    found = measured(operations, OPEN, tokens=11)
    window = 39.7
    assert found["throughput"].value == pytest.approx(397 / window, rel=1e-15)
    assert found["offered_rate"].value == pytest.approx(397 / window, rel=1e-15)
    stamps = [k * 100 + 100 + 10 * i for k in range(400) for i in range(11)]
    inside = sum(200 < at <= 39_900 for at in stamps)
    assert found["output_throughput"].value == pytest.approx(inside / window, rel=1e-15)
    assert found["in_flight_mean"].value == pytest.approx(2.0, abs=0.01)


# one slot, twice the load that it can serve


def overload() -> tuple[Load, list[Operation]]:
    """Service 200 ms, one arrival each 100 ms, one slot: request n (from 0) waits n · 100 ms."""
    return OPEN, play(behaviour("100ms", "10ms", slots=1), OPEN, whole(OPEN, 1).tolist(), events=11)


def test_a_queue_at_the_server_is_in_the_times_to_first_token_to_the_nanosecond() -> None:
    load, operations = overload()
    assert [one.first - one.start for one in operations] == [100 * MS + n * 100 * MS for n in range(400)]
    found = measured(operations, load, tokens=11)
    # nearest rank: p50 of 400 is number 200, p99 is number 396
    assert values(found, "ttft_p50", "ttft_p99", "ttft_max") == (20.0, 39.6, 40.0)
    assert values(found, "response_time_p50", "response_time_min") == (20.1, 0.2)
    assert values(found, "tpot_mean", "schedule_lag_max") == (0.01, 0.0)


def test_goodput_counts_exactly_the_requests_within_the_objective() -> None:
    """Time to first token of request n is 0.1 + 0.1 n s: at most 2 s up to n = 19. Offered in (0.2, 39.9] s: from n = 3
    on, 397 requests, of which 17 are good.
    """
    load, operations = overload()
    found = measured(operations, load, tokens=11, slo=["ttft_p99 <= 2s"])
    assert found["attainment"].value == 17 / 397
    assert found["goodput"].value == pytest.approx(17 / 39.7, rel=1e-15)


def test_a_cap_turns_the_same_queue_into_schedule_lag() -> None:
    """With room for one, request n starts when its predecessor ends: at n · 200 ms instead of n · 100 ms."""
    load = replace(OPEN, max_in_flight=1)
    operations = play(behaviour("100ms", "10ms"), load, whole(load, 1).tolist(), events=11)
    assert [one.start - one.intended for one in operations] == [n * 100 * MS for n in range(400)]
    found = measured(operations, load, tokens=11)
    assert values(found, "schedule_lag_p50", "schedule_lag_max") == (19.9, 39.9)
    assert values(found, "ttft_service_max", "ttft_user_p50", "ttft_p50") == (0.1, 20.0, 20.0)


def test_a_cap_with_dropping_drops_every_second_request() -> None:
    """At 100 ms request 1 finds request 0 under way; at 200 ms request 0 ends in the same instant, before 2 starts.

    Request 398 is the last one to start: of those offered in (0.2, 39.8] s every second one is good.
    """
    load = replace(OPEN, max_in_flight=1, when_full="drop")
    operations = play(behaviour("100ms", "10ms"), load, whole(load, 1).tolist(), events=11)
    assert [one.status for one in operations] == ["ok", "dropped"] * 200
    found = measured(operations, load, tokens=11)
    assert values(found, "dropped_share", "schedule_lag_max", "error_rate") == (0.5, 0.0, 0.0)
    assert values(found, "ttft_p50", "ttft_max", "attainment") == (0.1, 0.1, 198 / 396)


# closed loops


@pytest.mark.parametrize(("users", "slots", "think_ms"), [(1, 1, 0), (4, 2, 0), (8, 2, 0), (3, 4, 100), (2, 1, 600)])
def test_a_closed_loop_keeps_the_capacity_law(users: int, slots: int, think_ms: int) -> None:
    """Throughput is min(slots / S, users / (S + Z)) for constant service S and pause Z (asymptotic bounds, exact here:
    constant times either never queue or never leave a slot idle).
    """
    load = Load("closed", duration_s=20.0, warmup_s=5.0, concurrency=users, think_time_s=think_ms / 1e3)
    operations = play(behaviour("100ms", "10ms", slots=slots), load, events=11)
    per_s = min(slots / 0.2, users / (0.2 + think_ms / 1e3))
    ends = [one.end for one in operations if T0_NS + 5 * S < one.end <= T0_NS + 25 * S]
    assert len(ends) == pytest.approx(per_s * 20, abs=slots)
    found = measured(operations, load, tokens=11)
    cycle = users / per_s - think_ms / 1e3
    assert found["response_time_p50"].value == pytest.approx(cycle, abs=1e-9)
    assert found["ttft_p50"].value == pytest.approx(cycle - 0.1, abs=1e-9)


def test_users_start_within_the_ramp_and_a_count_ends_the_loop() -> None:
    load = Load("closed", duration_s=100.0, concurrency=4, ramp_up_s=1.0, operations=10)
    operations = play(behaviour("100ms", "0ms"), load, events=1)
    assert [one.intended - T0_NS for one in operations][:3] == [0, 100 * MS, 200 * MS]
    assert sorted(one.seq for one in operations) == list(range(10))


# any timing: Lindley's recursion is an independent way to the same waits


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), rate=st.floats(1, 40), sigma=st.floats(0, 1.5), events=st.integers(1, 12))
def test_waits_at_one_slot_follow_lindleys_recursion(seed: int, rate: float, sigma: float, events: int) -> None:
    """W(n+1) = max(0, W(n) + S(n) − A(n)): Lindley, The theory of queues with a single server (1952)."""
    load = Load("poisson", duration_s=20.0, rate_per_s=rate, drain_s=1e6, timeout_s=1e6)
    timing = Timing(parse_delay(f"lognormal:30ms,{sigma:.6f}"), parse_delay("normal:5ms,2ms"), seed)
    starts = whole(load, seed).tolist()
    operations = play(Behaviour(timing, slots=1), load, starts, events=events)
    wait = 0
    for number, one in enumerate(operations):
        due = timing.due_ns(number, events)
        assert one.start == one.intended == T0_NS + starts[number]
        assert one.detail == [one.start + wait + at for at in due]
        if number + 1 < len(starts):
            wait = max(0, wait + due[-1] - (starts[number + 1] - starts[number]))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), slots=st.integers(1, 5), cap=st.integers(1, 6), drop=st.booleans())
def test_never_more_at_work_than_slots_nor_more_in_flight_than_the_cap(
    seed: int, slots: int, cap: int, drop: bool
) -> None:
    load = Load(
        "poisson", 10.0, rate_per_s=30.0, max_in_flight=cap, when_full="drop" if drop else "queue", drain_s=1e6,
        timeout_s=1e6,
    )  # fmt: skip
    timing = Timing(parse_delay("lognormal:80ms,0.7"), parse_delay("1ms"), seed)
    starts = whole(load, seed).tolist()
    operations = play(Behaviour(timing, slots=slots), load, starts, events=4)
    assert len(operations) == len(starts)
    started = [one for one in operations if one.start]
    changes = sorted([(one.end, -1) for one in started] + [(one.start, 1) for one in started])
    flying = most = 0
    for _, change in changes:
        flying += change
        most = max(most, flying)
    assert most <= cap
    assert drop or len(started) == len(starts)
    busy = sorted((one.end, one.start) for one in started)
    assert all(one.status == "ok" for one in started)
    assert len(busy) == len(started)


def test_what_has_not_ended_when_the_drain_is_over_is_unfinished() -> None:
    load = replace(OPEN, duration_s=1.0, drain_s=0.05)
    operations = play(behaviour("100ms", "10ms", slots=1), load, whole(load, 1).tolist(), events=11)
    assert [one.status for one in operations] == ["ok"] * 5 + ["unfinished"] * 5
    assert operations[5].detail == []  # its first token was due in the instant after
    assert {one.end for one in operations[5:]} == {T0_NS + 1050 * MS}


def test_what_it_does_not_play_is_refused() -> None:
    with pytest.raises(ValueError, match="no faults"):
        play(behaviour(faults=(FaultRule("html"),)), OPEN)
    with pytest.raises(ValueError, match="no time-outs"):
        play(behaviour("100ms"), replace(OPEN, timeout_s=0.01), [0])


# the real engine against the real simulator, beside the twin


def real(folder: Path, how: Behaviour, load: Load, **options: Any) -> tuple[list[dict[str, Any]], Any, dict[str, Any]]:
    with running(how) as simulator:
        samples, report = run_worker(trial_job(folder, simulator.port, load, **options))
    return rows(samples), simulator.exchanges, report


def test_the_engine_offers_the_twins_schedule_and_sees_what_the_simulator_wrote(tmp_path: Path) -> None:
    load = Load("poisson", duration_s=1.5, rate_per_s=60.0)
    how = behaviour("5ms", "1ms")
    twin = play(how, load, whole(load, 7).tolist(), events=8)
    found, truth, report = real(tmp_path, how, load)
    assert [row["t_intended"] - report["t0_ns"] for row in found] == [one.intended - T0_NS for one in twin]
    assert [row["status"] for row in found] == [one.status for one in twin]
    assert len(truth) == len(found)
    by_start = sorted(found, key=lambda row: row["t_start"])
    for row, exchange in zip(by_start, truth, strict=True):
        assert row["t_intended"] <= row["t_start"] <= exchange.received_ns
        assert [at - exchange.began_ns for at in exchange.due_ns] == how.timing.due_ns(0, 8)
        assert len(row["event_ns"]) == 8
        stamps = zip(row["event_ns"], exchange.written_ns, exchange.due_ns, strict=True)
        assert all(seen >= written >= due for seen, written, due in stamps)


def test_what_the_engine_drops_is_what_the_twin_drops(tmp_path: Path) -> None:
    """Service 1.2 s, a start each 0.5 s, room for two: 0.3 s lie between any end and the nearest start."""
    load = Load("constant", duration_s=3.0, rate_per_s=2.0, max_in_flight=2, when_full="drop")
    how = behaviour("1200ms", "0ms")
    twin = play(how, load, whole(load, 7).tolist(), events=1)
    for attempt in range(3):
        found, _, report = real(tmp_path / str(attempt), how, load, output_tokens=1)
        if report["wake_lag_ns"]["max"] < 200 * MS:
            break  # else the machine was too busy with other work for a comparison
    assert [row["status"] for row in found] == [one.status for one in twin]
    assert "dropped" in {one.status for one in twin}


def test_slots_of_the_simulator_serve_in_order_of_arrival(tmp_path: Path) -> None:
    """Each answer begins when it came and a slot was free: the c-slot recursion on the simulator's own record."""
    load = Load("closed", duration_s=0.4, concurrency=5)
    _, truth, _ = real(tmp_path, behaviour("10ms", "1ms", slots=2), load)
    ended = sorted(exchange.ended_ns for exchange in truth)
    for number, exchange in enumerate(truth):
        if number < 2:
            assert exchange.began_ns == exchange.received_ns
        else:
            assert exchange.began_ns == max(exchange.received_ns, ended[number - 2])
