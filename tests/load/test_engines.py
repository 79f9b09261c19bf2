"""What both engines owe: conservation, phases, time-outs, drops, stops."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aifbench.clock import monotonic_ns
from aifbench.load.handshake import put_json
from aifbench.load.think import Thinker
from aifbench.model.load import Load, Retries, Stop
from aifbench.model.samples import Samples
from aifbench.simulate.faults import FaultRule
from tests.load.blocking import run_blocking
from tests.simulators import behaviour, rows, run_worker, running, trial_job


def conserved(samples: Samples, report: dict[str, Any]) -> bool:
    ended = sum(count for status, count in report["ended"].items() if status != "dropped")
    return bool(
        report["scheduled"] + report["retried"] == report["started"] + report["dropped"]
        and report["started"] == ended
        and samples.table.num_rows == report["scheduled"] + report["retried"]
    )


@pytest.mark.parametrize(
    "load",
    [
        Load("poisson", duration_s=0.6, warmup_s=0.2, rate_per_s=100),
        Load("constant", duration_s=0.6, warmup_s=0.2, rate_per_s=100, max_in_flight=2),
        Load("constant", duration_s=0.6, rate_per_s=200, max_in_flight=1, when_full="drop"),
        Load("closed", duration_s=0.6, warmup_s=0.2, concurrency=5),
        Load("closed", duration_s=9, concurrency=5, operations=23),
        Load("constant", duration_s=30, rate_per_s=100, operations=20),
        Load("constant", duration_s=0.5, rate_per_s=100, timeout_s=0.004),
        Load("constant", duration_s=0.3, rate_per_s=100, drain_s=0.0),
        Load("closed", duration_s=0.6, warmup_s=0.2, concurrency=5, ramp_up_s=0.3),
        Load("closed", duration_s=0.6, concurrency=5, think_time_s=0.01, think_distribution="exponential"),
        Load("constant", duration_s=0.4, cooldown_s=0.2, rate_per_s=100),
        Load("poisson", duration_s=0.5, rate_per_s=300, max_in_flight=2, retries=Retries(2, ("http-503",))),
        Load("constant", 0.5, rate_per_s=300, max_in_flight=1, when_full="drop", retries=Retries(1, ("http-503",))),
        Load("closed", 0.5, concurrency=3, retries=Retries(2, ("http-503",), backoff_s=0.02)),
        Load("constant", duration_s=30, rate_per_s=200, stop=Stop(error_rate=0.1, after=20)),
    ],
)
def test_operations_are_conserved(load: Load, tmp_path: Path) -> None:
    """Also with failures, capped with either policy, retried, cooled down, ramped in, and ended early."""
    failing = load.retries is not None or load.stop.error_rate is not None
    faults = (FaultRule("http-503", share=0.3),) if failing else ()
    with running(behaviour(faults=faults)) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    assert conserved(samples, report)
    assert samples.table.num_rows > 0
    assert len({row["seq"] for row in rows(samples)}) == samples.table.num_rows


def test_a_count_ends_the_load(tmp_path: Path) -> None:
    with running(behaviour()) as simulator:
        _, report = run_worker(
            trial_job(tmp_path, simulator.port, Load("closed", duration_s=60, concurrency=3, operations=10))
        )
    assert report["scheduled"] == 10
    assert report["window_wall_s"] < 30


def test_open_loop_starts_are_never_early_and_keep_their_intended_time(tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.5, rate_per_s=100)
    with running(behaviour()) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    found = rows(samples)
    assert all(row["t_start"] >= row["t_intended"] for row in found)
    assert [row["t_intended"] - report["t0_ns"] for row in found] == [k * 10_000_000 for k in range(50)]


def test_a_full_cap_makes_later_operations_late_but_keeps_them(tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.2, rate_per_s=100, max_in_flight=1)
    with running(behaviour(first="30ms")) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load, output_tokens=1))
    found = rows(samples)
    assert report["dropped"] == 0
    assert report["max_in_flight"] == 1
    assert found[-1]["t_start"] - found[-1]["t_intended"] > 200_000_000


def test_drop_policy_drops_instead_of_delaying(tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.2, rate_per_s=100, max_in_flight=1, when_full="drop")
    with running(behaviour(first="30ms")) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load, output_tokens=1))
    dropped = [row for row in rows(samples) if row["status"] == "dropped"]
    assert len(dropped) == report["dropped"] > 8
    assert all(row["t_start"] is None for row in dropped)


def test_a_time_out_counts_from_the_actual_start(tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.1, rate_per_s=50, timeout_s=0.2)
    with running(behaviour(first="5s")) as simulator:
        samples, _ = run_worker(trial_job(tmp_path, simulator.port, load))
    found = rows(samples)
    assert {row["status"] for row in found} == {"timeout"}
    assert all(row["t_end"] - row["t_start"] >= 200_000_000 for row in found)


def test_what_does_not_end_in_the_drain_time_is_unfinished(tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.1, rate_per_s=50, drain_s=0.1)
    with running(behaviour(first="5s")) as simulator:
        samples, _ = run_worker(trial_job(tmp_path, simulator.port, load))
    assert {row["status"] for row in rows(samples)} == {"unfinished"}


def test_a_stop_request_ends_the_load_in_order(tmp_path: Path) -> None:
    load = Load("closed", duration_s=60, concurrency=2)
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, load)
        put_json(Path(job.control) / "stop.json", {})
        samples, report = run_worker(job)
    assert report["stopped_early"] == "stop requested"
    assert conserved(samples, report)


def test_phases_are_cut_by_intended_start(tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.3, warmup_s=0.2, rate_per_s=100)
    with running(behaviour()) as simulator:
        samples, _ = run_worker(trial_job(tmp_path, simulator.port, load))
    assert [row["phase"] for row in rows(samples)] == ["warmup"] * 20 + ["steady"] * 30


def test_what_an_operation_sends_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    """Prompts depend on seed and seq only."""
    from aifbench.workloads.llm.words import prompt

    assert prompt(7, 5, 20) == prompt(7, 5, 20) != prompt(7, 6, 20)
    assert len(prompt(7, 5, 20).split()) == 20


@pytest.mark.parametrize(
    "load",
    [
        Load("poisson", duration_s=0.5, warmup_s=0.1, rate_per_s=200),
        Load("constant", duration_s=0.5, rate_per_s=300, max_in_flight=2),
        Load("constant", duration_s=0.5, rate_per_s=600, max_in_flight=1, when_full="drop"),
        Load("constant", duration_s=0.3, rate_per_s=600, max_in_flight=1, drain_s=0.0),
        Load("closed", duration_s=0.4, concurrency=3, ramp_up_s=0.2),
        Load("closed", duration_s=9, concurrency=3, operations=20, think_time_s=0.005, think_distribution="uniform"),
        Load("poisson", duration_s=0.4, rate_per_s=200, retries=Retries(2, ("busy",), backoff_s=0.01)),
        Load("constant", duration_s=30, rate_per_s=200, stop=Stop(error_rate=0.1, after=20)),
    ],
)
def test_operations_of_blocking_clients_are_conserved(load: Load, tmp_path: Path) -> None:
    engine = run_blocking(tmp_path, load, lambda seq, attempt: (0.004, "busy" if seq % 4 == 0 and attempt == 0 else ""))
    tally = engine.tally
    assert tally.scheduled + tally.retried == tally.started + tally.dropped == len(engine.operations) > 0
    assert tally.started == tally.ended
    assert len({operation.number for operation in engine.operations}) == len(engine.operations)
    if load.when_full == "drop" or load.drain_s == 0:
        assert tally.dropped > 0


def test_errors_above_the_limit_end_the_load_with_their_reason(tmp_path: Path) -> None:
    load = Load("constant", duration_s=60, rate_per_s=200, stop=Stop(error_rate=0.5, after=20))
    with running(behaviour(faults=(FaultRule("http-500"),))) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    assert report["stop_code"] == "errors"
    assert "operations failed, more than stop.error_rate 0.5" in report["stopped_early"]
    assert 20 <= report["scheduled"] < 2000
    assert conserved(samples, report)


def test_an_overloaded_target_ends_the_load_that_asks_for_it(tmp_path: Path) -> None:
    """200 per second at a client that does 130: after five seconds operations wait for a third of that time."""
    load = Load("constant", 60, rate_per_s=200, max_in_flight=1, drain_s=0.1, stop=Stop(overload=True))
    engine = run_blocking(tmp_path, load, lambda _seq, _attempt: (0.0075, ""))
    assert engine.tally.stop_code == "overload"
    assert engine.tally.scheduled < 2000


def test_cool_down_is_offered_but_not_steady(tmp_path: Path) -> None:
    load = Load("constant", duration_s=0.2, warmup_s=0.1, cooldown_s=0.1, rate_per_s=100)
    with running(behaviour()) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    assert [row["phase"] for row in rows(samples)] == ["warmup"] * 10 + ["steady"] * 20 + ["cooldown"] * 10
    assert report["end_ns"] - report["t0_ns"] == 300_000_000


def test_users_are_ramped_in(tmp_path: Path) -> None:
    """Each user's first intended start lies at its place in the ramp; nobody starts before it."""
    load = Load("closed", duration_s=0.4, concurrency=4, ramp_up_s=0.2, think_time_s=9)
    with running(behaviour()) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    found = rows(samples)
    assert [row["t_intended"] - report["t0_ns"] for row in found] == [0, 50_000_000, 100_000_000, 150_000_000]
    assert all(row["t_start"] >= row["t_intended"] for row in found)


def test_think_times_lie_between_an_end_and_the_next_intended_start(tmp_path: Path) -> None:
    load = Load("closed", 5, concurrency=1, operations=4, think_time_s=0.02, think_distribution="exponential")
    load = replace(load, timestamps="user")  # the pause is counted from the read, not from the kernel's stamp
    with running(behaviour()) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    found = rows(samples)
    thinker = Thinker(load, 7, 0)
    pauses = [later["t_intended"] - earlier["t_end"] for earlier, later in pairwise(found)]
    assert pauses == [thinker.next_ns() for _ in pauses]
    assert report["scheduled"] == 4


def test_a_long_queue_before_a_server_that_refuses_at_once_is_worked_off(tmp_path: Path) -> None:
    """Each start ends inside itself: thousands of them must not nest."""
    from aifbench.load.progress import ProgressWriter
    from aifbench.load.schedule import stripe
    from aifbench.load.spill import Spill
    from aifbench.load.wire import WireEngine

    class Refusing:
        def __init__(self) -> None:
            self.first: Any = None

        def kind(self, seq: int) -> str:
            return "get"

        def open_slot(self, loop: Any, done: Any) -> Any:
            return RefusingSlot(self, done, loop)

        def close(self) -> None:
            pass

    class RefusingSlot:
        """The first operation takes until the queue is long; every later one fails at once."""

        def __init__(self, client: Refusing, done: Any, loop: Any) -> None:
            self.client, self.done, self.loop = client, done, loop

        def start(self, operation: Any) -> None:
            operation.start = monotonic_ns()
            if self.client.first is None:
                self.client.first = operation
                self.loop.call_at(operation.start + 300_000_000, lambda: self.end(operation))
            else:
                self.end(operation)

        def end(self, operation: Any) -> None:
            operation.end = monotonic_ns()
            operation.fail("refused")
            self.done(self, operation)

        def close(self) -> None:
            pass

    load = Load("constant", duration_s=0.3, rate_per_s=10_000, max_in_flight=1)
    client: Any = Refusing()
    spill = Spill(tmp_path / "spill")
    engine = WireEngine(client, load, stripe(load, 1, 0, 1), ProgressWriter(tmp_path / "p"), tmp_path / "stop", spill)
    engine.connect()
    engine.run(monotonic_ns())
    assert engine.tally.started == 3000
    assert engine.tally.ended == 3000
