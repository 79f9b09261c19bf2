"""Operations that are moved to disk while the load runs are the same ones that come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.clock import monotonic_ns
from aifbench.load import spill as spill_module
from aifbench.load.handshake import put_json
from aifbench.load.job import TrialJob
from aifbench.load.spill import Spill, read
from aifbench.load.worker import Worker
from aifbench.model.load import Load
from aifbench.model.operation import Operation
from aifbench.samples.read import read_trial
from tests.simulators import behaviour, rows, run_worker, running, trial_job

LOAD = Load("closed", duration_s=20, concurrency=4, operations=120)


def some(count: int) -> list[Operation]:
    return [Operation(seq, "get", seq * 10) for seq in range(count)]


def test_what_was_moved_is_read_back_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_module, "HELD_OPERATIONS", 100)
    operations = some(1000)
    spill = Spill(tmp_path / "spill")
    while operations:
        spill.work(operations)
    spill.close()
    back = [operation for batch in read(tmp_path / "spill") for operation in batch]
    assert [(operation.seq, operation.intended) for operation in back] == [(seq, seq * 10) for seq in range(1000)]


def test_few_and_young_operations_stay_in_memory(tmp_path: Path) -> None:
    operations = some(100)
    Spill(tmp_path / "spill").work(operations)
    assert len(operations) == 100
    assert not (tmp_path / "spill").exists()


def test_a_cut_off_file_gives_its_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_module, "HELD_OPERATIONS", 0)
    operations = some(640)
    spill = Spill(tmp_path / "spill")
    while operations:
        spill.work(operations)
    spill.close()
    data = (tmp_path / "spill").read_bytes()
    (tmp_path / "spill").write_bytes(data[:-10])
    back = [operation for batch in read(tmp_path / "spill") for operation in batch]
    assert [operation.seq for operation in back] == list(range(len(back)))
    assert len(back) == 640 - spill_module.SLICE_OPERATIONS


def test_large_answers_are_moved_and_read_back_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a kill cuts off little, the loop is not held up, and reading back takes no more memory than holding."""
    monkeypatch.setattr(spill_module, "HELD_OPERATIONS", 0)
    monkeypatch.setattr(spill_module, "BATCH_BYTES", 3 << 20)
    operations = some(20)
    for operation in operations:
        operation.bytes_in = 600_000
    spill = Spill(tmp_path / "spill")
    spill.work(operations)
    while operations:
        spill.work(operations)
    spill.close()
    assert [len(batch) for batch in read(tmp_path / "spill")] == [6, 6, 6, 2]


def test_samples_are_the_same_with_and_without_spilling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_module, "HELD_OPERATIONS", 10)
    with running(behaviour()) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, LOAD))
    found = rows(samples)
    assert report["spilled"] > 0
    assert len(list((tmp_path / "samples").glob("w0*.parquet"))) > 1
    assert [row["seq"] for row in found] == list(range(120))
    assert all(row["status"] == "ok" and len(row["event_ns"]) == 8 for row in found)
    assert report["ended"] == {"ok": 120}


def test_samples_of_a_dead_worker_are_salvaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_module, "HELD_OPERATIONS", 10)
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, LOAD)
        moved = _die_in_the_middle(job)
        report = Worker(job, 0).salvage()
    assert report["salvaged"]
    assert sum(report["ended"].values()) == moved > 0
    assert read_trial(job.samples).table.num_rows == moved


def _die_in_the_middle(job: TrialJob) -> int:
    """A worker that offers its load and is gone before it writes anything; returns how much it had moved."""
    worker = Worker(replace(job, load=replace(job.load, workers=1)), 0)
    worker.connect()
    t0 = monotonic_ns()
    put_json(worker.control.go, {"t0_ns": t0})
    worker.offer(t0)
    worker.engine.close()
    worker.spill.close()
    return worker.spill.moved
