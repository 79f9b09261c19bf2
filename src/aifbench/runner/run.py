"""The loop: from a plan to a run folder with results, and from a run folder with a journal to the rest of it.

`start` makes the folder and drives it; `resume` drives one that was left. Driving is the same for both: do whatever
the journal does not say is done.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aifbench
from aifbench.clock import SYSTEM, Clock
from aifbench.errors import AifbenchError, StoreError
from aifbench.executors.base import Executor
from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.runner.context import RunContext
from aifbench.runner.interrupts import BrokenOff, Interrupts
from aifbench.runner.leftovers import end_leftovers
from aifbench.runner.outcome import Outcome, exit_code, worst_validity
from aifbench.runner.provenance import note_environment
from aifbench.runner.recorder import Observer, Recorder
from aifbench.runner.recording import EVALUATED_BY, ExecutorSet
from aifbench.runner.stage import run_stage
from aifbench.runner.state import RunStatus, fold
from aifbench.runner.steps import RealSteps, Steps
from aifbench.store.folder import RunFolder, check_folder, create_folder
from aifbench.store.index import Index
from aifbench.store.journal import Journal

Finish = Callable[[RunFolder, RunResult], None]
"""Called with the stored result before the run counts as over: writes the report."""


@dataclass(frozen=True)
class Driving:
    """How a run is driven; nothing of it changes what is measured.

    `keep_services` leaves the services of the last stage up. `retry_failed` does again what failed. `executor` stands
    in for every executor that the plan names. `finish` gets the result when result.json is there.
    """

    observer: Observer | None = None
    clock: Clock = SYSTEM
    executor: Executor | None = None
    keep_services: bool = False
    retry_failed: bool = False
    allow_invalid: bool = False
    finish: Finish | None = None
    steps: Steps | None = None
    index: Index = field(default_factory=Index)


def start(plan: Plan, recipe_text: str, site_text: str, root: Path, driving: Driving | None = None) -> Outcome:
    """A new run, to its end. Raises StoreError when the run folder cannot be written."""
    return drive(create(plan, recipe_text, site_text, root), driving or Driving())


def create(plan: Plan, recipe_text: str, site_text: str, root: Path) -> RunFolder:
    """The folder of a new run with its provenance, not yet driven."""
    folder = create_folder(root, plan, recipe_text, site_text)
    note_environment(folder, plan)
    return folder


def resume(folder: RunFolder, driving: Driving | None = None) -> Outcome:
    """The rest of a run whose controller ended; a run that is over is left as it is.

    Its exit code is then that of its failures, 0 when it has none.
    Raises StoreError for what is no run folder, or one of a newer version, or one that another controller holds.
    """
    check_folder(folder)
    state = fold(folder.read_journal().events)
    driving = driving or Driving()
    if state.over and not (driving.retry_failed and state.failures):
        code = exit_code(None, status=state.status, failures=state.failures)
        return Outcome(folder, state.status, code, state.failures, state.problems, already=True)
    return drive(folder, driving)


def drive(folder: RunFolder, driving: Driving) -> Outcome:
    """Hold the folder's lock, do what is left, let go. Nothing is left running however this ends."""
    plan = folder.read_plan()
    lock = folder.take_lock()
    try:
        journal = Journal(folder.events)
        try:
            with Interrupts() as interrupts:
                recorder = Recorder(journal, interrupts, driving.observer)
                executors = ExecutorSet(recorder, interrupts, driving.executor)
                steps = driving.steps or RealSteps(driving.clock)
                run = RunContext(
                    folder, plan, recorder, executors, interrupts, steps, driving.clock, driving.keep_services
                )
                try:
                    return _Drive(run, driving, journal.problems).do()
                finally:
                    executors.stop_all(0.0)
                    executors.close()
        finally:
            journal.close()
    finally:
        lock.release()
        with contextlib.suppress(StoreError):
            driving.index.record(folder)


class _Drive:
    def __init__(self, run: RunContext, driving: Driving, journal_problems: tuple[str, ...]) -> None:
        self._run = run
        self._driving = driving
        self._journal_problems = journal_problems

    def do(self) -> Outcome:
        self._begin()
        status: RunStatus = "interrupted"
        try:
            end_leftovers(self._run.folder, self._run.recorder, self._run.executors)
            for stage in self._run.plan.stages:
                run_stage(self._run, stage)
                if self._run.interrupts.requested:
                    raise BrokenOff
            status = "failed" if self._run.state.failures else "finished"
        except BrokenOff:
            status = "interrupted"
        return self._end(status)

    def _reopen(self) -> None:
        """Write down that failed trials are not done, nor the stages that they belong to."""
        run = self._run
        failed = {name for name, trial in run.state.trials.items() if trial.status == "failed"}
        stages = [stage.id for stage in run.plan.stages if any(trial.id in failed for trial in stage.trials)]
        run.recorder.record("run-reopened", trials=sorted(failed), stages=stages)

    def _begin(self) -> None:
        run = self._run
        if self._driving.retry_failed and run.state.failures:
            self._reopen()
        run.recorder.record(
            "run-started",
            pid=os.getpid(),
            host=socket.gethostname(),
            aifbench=aifbench.__version__,
            attempt=run.state.attempts + 1,
            keep_services=run.keep_services,
        )
        for problem in self._journal_problems:
            run.recorder.record("problem", text=problem)
        note_environment(run.folder, run.plan)
        try:
            self._driving.index.record(run.folder)
        except StoreError as error:
            run.recorder.record("problem", text=f"the run is not in the index: {error}")

    def _end(self, status: RunStatus) -> Outcome:
        run = self._run
        result: RunResult | None = None
        try:
            with run.interrupts.breaking(at=2 if status == "interrupted" else 1):
                result = self._evaluate(status)
        except BrokenOff:
            status = "interrupted"
        code = exit_code(result, status=status, failures=run.state.failures, allow_invalid=self._driving.allow_invalid)
        if status == "interrupted":
            run.recorder.record("run-interrupted")
        else:
            worst = worst_validity(result) if result else None
            run.recorder.record("run-finished", status=status, exit_code=int(code), validity=worst and worst.value)
        return Outcome(run.folder, status, code, run.state.failures, run.state.problems, result)

    def _evaluate(self, status: RunStatus) -> RunResult:
        run = self._run
        run.recorder.record("result-starting")
        result = run.steps.evaluate(run.folder, run.plan, run.state, status, run.executors.get(EVALUATED_BY))
        if self._driving.finish is not None:
            try:
                self._driving.finish(run.folder, result)
            except AifbenchError as error:
                run.recorder.record("problem", text=f"the report could not be written: {error}")
        run.recorder.record("result-written")
        return result
