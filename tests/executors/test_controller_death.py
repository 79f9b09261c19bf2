"""A controller that is gone, however it went, leaves nothing running that was tied to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aifbench.clock import SYSTEM
from aifbench.executors import procfs
from aifbench.executors.leftovers import sweep
from aifbench.executors.local import LocalExecutor
from aifbench.model.process import Handle, ProcessState
from tests.executors.conftest import ended

CONTROLLER = """
import json, sys
from aifbench.clock import sleep_s
from aifbench.executors.local import LocalExecutor
from aifbench.model.process import ProcessSpec
folder, tied = sys.argv[1], sys.argv[2] == "tied"
daemonise = "import os,time\\nif os.fork() == 0:\\n os.setsid()\\n if os.fork() == 0:\\n  time.sleep(600)"
script = f"{sys.executable} -S -c '{daemonise}'; trap '' TERM; sleep 600 & touch up; while :; do sleep 0.05; done"
executor = LocalExecutor()
handle = executor.submit(ProcessSpec("tree", ("sh", "-c", script), folder, tied=tied, grace_s=0.5))
print(json.dumps(handle.record), flush=True)
sleep_s(600)
"""


@contextmanager
def controller(folder: Path, how: str) -> Iterator[tuple[subprocess.Popen[str], Handle]]:
    """A program with an executor of its own, not under one of ours, and the handle of what it started."""
    argv = [sys.executable, "-c", CONTROLLER, str(folder), how]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        handle = Handle("tree", "local", json.loads(process.stdout.readline()))
        limit_ns = SYSTEM.now_ns() + 30_000_000_000
        while not (folder / "up").exists():
            assert SYSTEM.now_ns() < limit_ns
            SYSTEM.sleep_s(0.02)
        try:
            yield process, handle
        finally:
            process.kill()


def tree(handle: Handle) -> list[int]:
    """Every living process that carries the handle's mark."""
    return [
        info.pid for info in procfs.all_processes() if info.alive and procfs.marked(info.pid, handle.record["mark"])
    ]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_descendant_survives_the_controller_not_even_a_daemon(
    local: LocalExecutor, tmp_path: Path, number: int
) -> None:
    with controller(tmp_path, "tied") as (process, handle):
        assert len(tree(handle)) >= 3  # the shell that is deaf to TERM, its child, the daemon in its own session
        process.send_signal(number)
        status = ended(local, handle)
    assert tree(handle) == []
    assert (status.signal, status.reason) == (signal.SIGKILL, "the controller ended")


def test_an_untied_process_outlives_the_killed_controller_until_a_sweep_ends_it(
    local: LocalExecutor, tmp_path: Path
) -> None:
    with controller(tmp_path, "untied") as (process, handle):
        process.kill()
        process.wait()
    assert local.status([handle])[0].state is ProcessState.RUNNING
    assert [item.handle for item in sweep(local, [handle.record])] == [handle]
    assert tree(handle) == []


def test_a_controller_and_a_supervisor_that_are_both_killed_leave_only_what_a_sweep_ends(
    local: LocalExecutor, tmp_path: Path
) -> None:
    with controller(tmp_path, "tied") as (process, handle):
        process.send_signal(signal.SIGSTOP)
        os.kill(handle.record["supervisor"], signal.SIGKILL)
        process.kill()
        process.wait()
    sweep(local, [handle.record], grace_s=0.5)
    assert tree(handle) == []
