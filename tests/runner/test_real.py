"""The same rules with real processes: kept few, because each takes seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from aifbench.errors import ExecutorError, StoreError
from aifbench.executors.local import LocalExecutor
from aifbench.runner.detach import detach
from aifbench.runner.run import create
from aifbench.runner.state import fold
from aifbench.runner.stop import stop
from aifbench.store.folder import RunFolder
from tests.runner.real import command, drive, left_running, plan

pytestmark = pytest.mark.live


def folder_in(root: Path) -> RunFolder:
    return RunFolder(next(path for path in root.iterdir() if not path.name.startswith(".")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.mark.slow
@pytest.mark.parametrize("at", [2, 5, 6, 8, 10, 13, 15, 18, 23, 26])
def test_a_real_run_killed_at_ten_points_is_finished_by_resume(root: Path, at: int) -> None:
    assert drive(root, at, duration_s=0.1).returncode == -signal.SIGKILL
    folder = folder_in(root)
    resumed = drive(folder.path)
    assert resumed.returncode in (0, 6), resumed.stderr  # so short a load may be INVALID
    assert json.loads(resumed.stdout.splitlines()[-1]) == ["finished", "finished"]
    events = folder.read_journal().events
    finished = Counter(event.data["trial"] for event in events if event.kind == "trial-finished")
    assert finished == {"get.t1": 1, "get.t2": 1}
    assert left_running(folder) == []
    assert fold(events).left_running() == {}
    assert [path.name for path in folder.samples("get", 1).iterdir()] == ["w0.parquet"]


def interrupted(root: Path, signals: int) -> tuple[int, RunFolder]:
    """Exit code and folder of a run of a minute per trial that got that many SIGINTs once its first trial ran."""
    process = subprocess.Popen(command(root, 0, 60.0), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    kind = ""
    for line in process.stdout:
        kind = line.strip() if line.strip() else kind
        if kind == "process-started" and (folder_in(root).path / "control").exists():
            break
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    return process.returncode, folder_in(root)


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_ends_a_real_run_with_130_and_leaves_nothing_running(root: Path, signals: int) -> None:
    code, folder = interrupted(root, signals)
    assert code == 130
    assert left_running(folder) == []
    state = fold(folder.read_journal().events)
    assert state.status == "interrupted"
    assert state.trials["get.t1"].status == "interrupted"
    assert json.loads(folder.result.read_text())["status"] == "interrupted"


def test_a_detached_run_is_stopped_from_another_process(root: Path) -> None:
    folder = create(plan(60.0), "", "", root)
    executor = LocalExecutor()
    handle = detach(folder, command(folder.path), executor)
    executor.close()
    assert folder.holder() is not None
    with pytest.raises(StoreError, match="already being worked on by process"):
        folder.take_lock()
    assert "ended" in stop(folder).text
    assert folder.holder() is None
    assert left_running(folder) == []
    assert fold(folder.read_journal().events).status == "interrupted"
    assert folder.controller_log.read_text().startswith("run-started")
    assert handle.record["tied"] is False


def test_stop_after_the_controller_was_killed_ends_what_it_left(root: Path) -> None:
    assert drive(root, 8).returncode == -signal.SIGKILL
    folder = folder_in(root)
    stop(folder)
    assert left_running(folder) == []
    assert fold(folder.read_journal().events).status == "interrupted"


def test_a_detached_controller_that_cannot_begin_is_quoted(root: Path) -> None:
    folder = create(plan(), "", "", root)
    executor = LocalExecutor()
    with pytest.raises(ExecutorError, match="the controller did not begin") as caught:
        detach(folder, ["/bin/sh", "-c", "echo no such thing >&2; exit 3"], executor)
    executor.close()
    assert caught.value.quoted == ("no such thing",)


def test_a_killed_worker_fails_its_trial_and_the_next_one_is_done(root: Path) -> None:
    process = subprocess.Popen(command(root, 0, 1.0), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "process-started" and (folder_in(root).control("get.t1") / "job.json").exists():
            break
    started = [event for event in folder_in(root).read_journal().events if event.kind == "process-started"]
    os.kill(started[-1].data["handle"]["record"]["pid"], signal.SIGKILL)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 6
    assert json.loads(said.splitlines()[-1]) == ["failed", "finished"]
    assert left_running(folder_in(root)) == []


@pytest.mark.parametrize(
    ("largest_file", "refused"),
    [(8192, "samples/get/t1/w0.parquet"), (3000, "environment.json"), (20_000, "metrics.json")],
)
def test_a_full_disk_is_exit_code_7_and_the_run_goes_on_when_there_is_room(
    root: Path, largest_file: int, refused: str
) -> None:
    full = drive(root, largest_file=largest_file)
    assert full.returncode == 7, full.stderr
    assert refused in full.stderr
    folder = folder_in(root)
    assert left_running(folder) == []
    if refused.startswith("samples"):
        assert "trial-failed" not in folder.events.read_text()
        assert json.loads(drive(folder.path).stdout.splitlines()[-1]) == ["finished", "finished"]
