"""What both engines owe: conservation, phases, time-outs, drops, stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aifbench.load.worker import put_json
from aifbench.model.load import Load
from aifbench.model.samples import Samples
from tests.simulators import behaviour, rows, run_worker, running, trial_job


def conserved(samples: Samples, report: dict[str, Any]) -> bool:
    ended = sum(count for status, count in report["ended"].items() if status != "dropped")
    return bool(
        report["scheduled"] == report["started"] + report["dropped"]
        and report["started"] == ended
        and samples.table.num_rows == report["scheduled"]
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
    ],
    ids=lambda load: f"{load.arrival}-{load.max_in_flight}-{load.operations}-{load.timeout_s}-{load.drain_s}",
)
def test_operations_are_conserved(load: Load, tmp_path: Path) -> None:
    with running(behaviour()) as simulator:
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
