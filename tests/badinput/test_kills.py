"""SIGKILL, through the command line.

The controller at every event of a run with the fake executor: tests/runner/test_killed.py; at ten points of a real
one: tests/runner/test_real.py; a worker below the command line: tests/load/test_trial.py.
"""

from __future__ import annotations

import os
import signal

from tests.badinput.place import GOOD, Place, result


def test_a_killed_worker_fails_its_trial_and_nothing_else(place: Place) -> None:
    place.write(GOOD.replace("500ms", "1s").replace("rate_per_s: 50", "rate_per_s: 50, workers: 2"))
    process = place.start("run", "r.yaml", "--allow-invalid")
    place.wait(lambda: bool(place.runs.is_dir() and list(place.runs.glob("*/control/get.t1/go.json"))), "load")
    (worker,) = (
        event["handle"]["record"]["pid"]
        for event in place.events("process-started")
        if event["handle"]["name"] == "worker-get.t1-0"
    )
    os.kill(worker, signal.SIGKILL)
    said = place.end(process)
    assert said.code == 6
    assert "worker 0 left no report (killed by signal 9)" in said.once("trial get.t1 failed: ")
    first, second = result(place)["points"][0]["trials"]
    assert (first["status"], second["status"]) == ("failed", "finished")
    assert first["counts"], "the other worker's samples are kept"
    assert {path.name for path in place.run.samples("get", 1).iterdir()} == {"w1.parquet"}


def test_a_killed_controller_leaves_nothing_running_and_resume_finishes(place: Place) -> None:
    place.write(GOOD.replace("500ms", "1s"))
    process = place.start("run", "r.yaml")
    place.wait_for("trial-started", 2)
    assert place.running() != []
    process.kill()
    process.communicate(timeout=60)
    place.wait(lambda: place.running() == [], "end of what it had started")
    assert (
        f"stopped, 1 of 2 trials finished\n  go on with it: aifbench resume {place.run.id}" in place.fork("status").out
    )
    said = place.call("resume", "latest", "--allow-invalid")
    assert said.code == 0, said.err
    assert [event["trial"] for event in place.events("trial-started")] == ["get.t1", "get.t2", "get.t2"]
    assert [trial["status"] for trial in result(place)["points"][0]["trials"]] == ["finished", "finished"]
