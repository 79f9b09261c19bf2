"""A disk that is full is a failure of the store, whichever file of a trial it is that cannot be written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.errors import ExitCode, StoreError
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine, FakeProcess
from aifbench.load.handshake import put_json
from aifbench.load.job import ControlFolder, PrepareJob, TrialJob
from aifbench.load.trial import TrialControl, run_trial
from aifbench.model.codec import to_json
from aifbench.model.load import Load
from tests.simulators import trial_job

ONE = Load("closed", duration_s=1.0, concurrency=1, operations=1)


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "report-0.json").mkdir()
    (tmp_path / "report-0.json" / "in the way").touch()
    with pytest.raises(StoreError, match=r"report-0\.json"):
        put_json(tmp_path / "report-0.json", {"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["report-0.json"]


def limited(largest_file: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """A program that can write no file larger than that: the kernel stands in for the full disk."""
    command = ["prlimit", f"--fsize={largest_file}", sys.executable, "-B", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("largest_file", [10, 60])
def test_a_worker_that_cannot_write_ends_with_7_and_says_which_file(tmp_path: Path, largest_file: int) -> None:
    job = trial_job(tmp_path, 1, ONE)
    job = replace(job, uses="command", options={"command": "/bin/true"})
    control = ControlFolder(job.control)
    control.job.write_text(to_json(job))
    ended = limited(largest_file, "-m", "aifbench.load.worker", str(control.job), "0")
    assert ended.returncode == ExitCode.STORE
    assert {10: "progress-0", 60: "ready-0.json"}[largest_file] in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_preparation_that_cannot_write_ends_with_7_too(tmp_path: Path) -> None:
    trial = trial_job(tmp_path, 1, ONE)
    job = PrepareJob("r", "p", "command", {"command": "/bin/true"}, trial.target, 1, str(tmp_path))
    (tmp_path / "job.json").write_text(to_json(job))
    ended = limited(10, "-m", "aifbench.load.prepare", str(tmp_path / "job.json"))
    assert ended.returncode == ExitCode.STORE
    assert "prepared.json" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("gets_ready", [False, True])
def test_a_worker_that_ended_with_7_and_could_not_even_report_is_a_store_error(
    tmp_path: Path, gets_ready: bool
) -> None:
    """Before the load and after it: the trial is left undone, so that it can be repeated when there is room."""
    job: TrialJob = trial_job(tmp_path, 1, ONE)

    def worker(process: FakeProcess) -> Generator[float, None, int]:
        if gets_ready:
            ControlFolder(job.control).ready(0).write_text("{}")
            yield 1.0
        process.write("err", "report-0.json: cannot write: no space left on the disk\n")
        return int(ExitCode.STORE)

    machine = FakeMachine({"worker-*": Behaviour(play=worker)})
    with pytest.raises(StoreError, match="no space left"):
        run_trial(job, FakeExecutor(machine), TrialControl(), clock=machine.clock)
