"""A small run of real processes, driven by a program of its own: `python real.py ROOT KILL_AT SECONDS`.

A web server as service, a client program as workload, two trials of half a second. Prints each event's kind; with
KILL_AT other than 0 it gives itself SIGKILL right after that event. With a run folder instead of a root it resumes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from aifbench.errors import AifbenchError
from aifbench.model.load import Load
from aifbench.model.plan import PLAN_SCHEMA, Estimate, LoadPoint, Plan, PlannedService, Preparation, Stage, Trial
from aifbench.runner.run import Driving, resume, start
from aifbench.store.folder import RunFolder
from aifbench.store.index import Index
from aifbench.store.journal import Event

SERVER = {"command": [sys.executable, "-m", "http.server", "{port.http}", "--bind", "{host}"], "ports": ["http"]}
CLIENT = {"command": "/bin/true"}


def plan(duration_s: float = 0.5) -> Plan:
    load = Load(arrival="closed", concurrency=1, duration_s=duration_s, timeout_s=20.0, drain_s=20.0)
    stage = Stage(
        id="stage-1",
        services=(PlannedService("web", "command", SERVER, "local", 20.0),),
        preparations=(Preparation("get-data", "get", "command", "web", CLIENT, 1),),
        points=(LoadPoint("get", "get", "command", "web", CLIENT, load, "get-data"),),
        trials=(Trial("get.t1", "get", 1, 1), Trial("get.t2", "get", 2, 2)),
    )
    estimate = Estimate(load_s=2 * duration_s, operations=None, disk_bytes=None, points=1, trials=2)
    return Plan(PLAN_SCHEMA, "real", "local", "local", 1, "sha256:0", (stage,), estimate)


def command(place: Path, kill_at: int = 0, duration_s: float = 0.5) -> list[str]:
    return [sys.executable, str(Path(__file__).absolute()), str(place), str(kill_at), str(duration_s)]


def drive(
    place: Path, kill_at: int = 0, largest_file: int = -1, duration_s: float = 0.5
) -> subprocess.CompletedProcess[str]:
    """`largest_file` (bytes) stands in for a full disk: the kernel refuses to write beyond it."""
    program = command(place, kill_at, duration_s)
    if largest_file >= 0:
        program = ["prlimit", f"--fsize={largest_file}", *program]
    return subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)


def left_running(folder: RunFolder) -> list[int]:
    """Processes of the run that are alive, found by the mark that each has in its environment."""
    marks = {
        event.data["handle"]["record"]["mark"]
        for event in folder.read_journal().events
        if event.kind == "process-started"
    }
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("AIFBENCH_PROCESS") in marks:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def main(place: Path, kill_at: int, duration_s: float) -> int:
    def observer(news: object) -> None:
        if isinstance(news, Event):
            sys.stdout.write(f"{news.kind}\n")
            sys.stdout.flush()
            if news.seq == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    driving = Driving(observer=observer, index=Index(place.parent / "home"))
    try:
        if (place / "plan.json").exists():
            outcome = resume(RunFolder(place), driving)
        else:
            outcome = start(plan(duration_s), "", "", place, driving)
    except AifbenchError as error:
        sys.stderr.write(str(error))
        return int(error.exit_code)
    sys.stdout.write(json.dumps([trial.status for trial in outcome.result.points[0].trials] if outcome.result else []))
    return int(outcome.exit_code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
