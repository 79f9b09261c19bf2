"""A worker that dies in the middle: what it had moved to disk counts, its point is INVALID, and the run goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from aifbench.model.load import Load
from aifbench.model.plan import PLAN_SCHEMA, Estimate, LoadPoint, Plan, PlannedService, Stage, Trial
from aifbench.model.result import Validity
from aifbench.runner.run import Driving, start
from aifbench.samples.read import read_trial
from aifbench.store.folder import RunFolder
from aifbench.store.index import Index
from aifbench.store.journal import Event
from tests.runner.real import left_running

BODY = 500_000
"""Answers are kept to be looked at, so a second of them is more than a worker holds in memory."""


def plan() -> Plan:
    options = {"path": f"/bytes/{BODY}", "contains": "x"}
    load = Load("constant", duration_s=3.0, rate_per_s=60.0, timeout_s=20.0, drain_s=20.0)
    stage = Stage(
        id="stage-1",
        services=(PlannedService("sim", "simulator", {"first": "1ms"}, "local", 30.0),),
        preparations=(),
        points=(LoadPoint("bytes", "bytes", "http", "sim", options, load, ""),),
        trials=(Trial("bytes.t1", "bytes", 1, 1), Trial("bytes.t2", "bytes", 2, 2)),
    )
    return Plan(PLAN_SCHEMA, "killed", "local", "local", 1, "sha256:0", (stage,), Estimate(6.0, 360, None, 1, 2))


class Killer:
    """Gives the first trial's worker SIGKILL once it has moved operations to disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._workers: list[int] = []
        self.killed = 0

    def __call__(self, news: object) -> None:
        if isinstance(news, Event):
            handle = news.data.get("handle") or {}
            if news.kind == "process-started" and "worker" in str(handle.get("name")):
                self._workers.append(handle["record"]["pid"])
        elif self._workers and not self.killed:
            spills = list(self._root.rglob("w0/spill"))
            if spills and spills[0].stat().st_size > 10 * BODY:
                self.killed = self._workers[0]
                os.kill(self.killed, signal.SIGKILL)


@pytest.mark.live
def test_the_samples_of_a_killed_worker_are_kept_and_the_next_trial_is_done(tmp_path: Path) -> None:
    killer = Killer(tmp_path / "runs")
    outcome = start(plan(), "", "", tmp_path / "runs", Driving(observer=killer, index=Index(tmp_path / "home")))
    assert killer.killed
    assert int(outcome.exit_code) == 6
    assert outcome.result is not None
    found = outcome.result.points[0]
    assert [trial.status for trial in found.trials] == ["failed", "finished"]
    assert found.trials[0].validity is found.validity is Validity.INVALID
    folder = RunFolder(outcome.folder.path)
    kept = read_trial(folder.samples("bytes", 1), folder.control("bytes.t1"))
    assert kept.problems == ()
    assert 0 < kept.table.num_rows < 180
    assert set(kept.table.column("status").to_pylist()) == {"ok"}
    assert min(kept.table.column("bytes_in").to_pylist()) == BODY
    assert f"{kept.table.num_rows} of its samples were on disk and are kept" in found.trials[0].reason
    assert "killed by signal 9" in found.trials[0].reason
    assert found.trials[1].counts["ok"] == 180
    assert left_running(folder) == []
