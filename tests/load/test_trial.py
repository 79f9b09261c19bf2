"""A whole trial with real worker processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.errors import LoadError
from aifbench.executors.local import LocalExecutor
from aifbench.load.progress import Progress
from aifbench.load.trial import TrialControl, run_trial
from aifbench.model.load import Load
from aifbench.model.process import Handle
from aifbench.samples.read import read_trial
from tests.simulators import behaviour, rows, running, trial_job


class Hooks(TrialControl):
    """Kills the given worker, or asks for a stop, once operations have ended."""

    def __init__(self, *, kill: bool = False, stop: bool = False) -> None:
        self.handles: list[Handle] = []
        self.kill = kill
        self.stop = stop
        self.seen = Progress()

    def on_submit(self, handle: Handle) -> None:
        self.handles.append(handle)

    def on_progress(self, progress: Progress, elapsed_s: float) -> None:
        self.seen = progress
        if self.kill and progress.ended > 20:
            os.kill(int(self.handles[0].record["pid"]), signal.SIGKILL)
            self.kill = False

    def stop_requested(self) -> bool:
        return self.stop and self.seen.ended > 20


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    local = LocalExecutor()
    yield local
    local.close()


def test_two_workers_offer_the_whole_schedule_once(executor: LocalExecutor, tmp_path: Path) -> None:
    load = Load("poisson", duration_s=1.0, rate_per_s=60, workers=2)
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, load)
        outcome = run_trial(job, executor, Hooks())
    samples = read_trial(job.samples, job.control)
    assert outcome.problems == ()
    assert [report["worker"] for report in outcome.reports] == [0, 1]
    assert {row["worker"] for row in rows(samples)} == {0, 1}
    assert [row["seq"] for row in rows(samples)] == list(range(samples.table.num_rows))
    assert {report["t0_ns"] for report in outcome.reports} == {outcome.reports[0]["t0_ns"]}


def test_a_killed_worker_is_named_and_the_others_samples_stay(executor: LocalExecutor, tmp_path: Path) -> None:
    load = Load("constant", duration_s=2.0, rate_per_s=60, workers=2)
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, load)
        outcome = run_trial(job, executor, Hooks(kill=True))
    assert [report["worker"] for report in outcome.reports] == [1]
    assert "worker 0 left no report (killed by signal 9)" in outcome.problems[0]
    assert {row["worker"] for row in rows(read_trial(job.samples))} == {1}


def test_a_stop_keeps_what_was_measured(executor: LocalExecutor, tmp_path: Path) -> None:
    load = Load("closed", duration_s=100.0, concurrency=2)
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, load)
        outcome = run_trial(job, executor, Hooks(stop=True))
    assert outcome.stopped
    assert outcome.reports[0]["stopped_early"] == "stop requested"
    assert read_trial(job.samples).table.num_rows > 20


def test_a_target_that_refuses_is_said_before_the_load(executor: LocalExecutor, tmp_path: Path) -> None:
    with running(behaviour()) as simulator:
        port = simulator.port
    job = trial_job(tmp_path, port, Load("closed", duration_s=1.0, concurrency=2))
    with pytest.raises(LoadError, match="could not connect to sim"):
        run_trial(job, executor, Hooks())


def test_an_earlier_attempt_leaves_no_samples_behind(executor: LocalExecutor, tmp_path: Path) -> None:
    load = Load("closed", duration_s=20.0, concurrency=1, operations=3)
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, load)
        Path(job.samples).mkdir(parents=True)
        (Path(job.samples) / "w7.parquet").write_bytes(b"left over")
        run_trial(replace(job), executor, Hooks())
    samples = read_trial(job.samples)
    assert samples.problems == ()
    assert samples.table.num_rows == 3
