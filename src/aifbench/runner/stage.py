"""One stage: services up, preparations, trials in the plan's order, checks, cleaning, services down. Always down.

What failed is written down and the rest goes on; only a store that cannot be written and a signal end it early.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aifbench.errors import AifbenchError, ExitCode, StoreError
from aifbench.executors.base import Executor
from aifbench.load.job import PrepareJob, TrialJob
from aifbench.load.progress import Progress
from aifbench.load.trial import TrialControl, TrialOutcome
from aifbench.model.options import secret_names
from aifbench.model.plan import LoadPoint, Preparation, Stage, Trial
from aifbench.model.process import Handle
from aifbench.runner.context import RunContext
from aifbench.runner.interrupts import BrokenOff
from aifbench.runner.recorder import Tick
from aifbench.runner.remedy import decide, free_cores
from aifbench.runner.services import StageServices
from aifbench.runner.steps import Watch
from aifbench.store.files import guarded, read_json


def run_stage(run: RunContext, stage: Stage) -> None:
    """Do what the journal does not already say is done. Raises BrokenOff on an interrupt, StoreError on a full disk."""
    if stage.id in run.state.stages_done:
        return
    run.recorder.record("stage-started", stage=stage.id)
    work = _StageWork(run, stage)
    try:
        work.do()
    finally:
        work.end()
    run.recorder.record("stage-finished", stage=stage.id)


class _StageWork:
    def __init__(self, run: RunContext, stage: Stage) -> None:
        self._run = run
        self._stage = stage
        last = stage is run.plan.stages[-1]  # those of earlier stages would disturb the later ones
        self._services = StageServices(run, stage.id, keep=run.keep_services and last)
        self._points = {point.id: point for point in stage.points}
        self._failed: dict[str, tuple[str, int]] = {}  # preparation → why, exit code
        self._last: dict[str, str] = {}  # preparation → the last trial that is to be done on its data

    def do(self) -> None:
        left = [trial for trial in self._stage.trials if not self._run.state.trial_done(trial.id)]
        self._last = {self._points[trial.point].preparation: trial.id for trial in left}
        needed = self._last.keys() - {""}
        targets = {item.target for item in self._stage.preparations if item.id in self._run.state.to_clean}
        for service in self._stage.services:
            if left or service.name in targets:
                self._services.bring_up(service)
        for preparation in self._stage.preparations:
            if preparation.id in needed:
                self._prepare(preparation)
        for trial in left:
            if self._run.interrupts.requested:
                raise BrokenOff
            self._do_trial(trial)

    def _prepare(self, preparation: Preparation) -> None:
        run, name = self._run, preparation.id
        gone = self._services.gone(preparation.target, now=True)
        if gone:
            self._failed[name] = gone
            return
        up = self._services.target(preparation.target)
        run.folder.forget(run.folder.preparation(name))
        run.recorder.record("preparation-started", preparation=name, stage=self._stage.id, outlives=up.handle is None)
        try:
            with run.interrupts.breaking(at=1), guarded(run.folder.preparation(name)):
                prepared = run.steps.prepare(*self._about(preparation))
        except StoreError:
            raise
        except AifbenchError as error:
            self._failed[name] = (f"preparation {name} failed", int(error.exit_code))
            run.recorder.record(
                "preparation-failed", preparation=name, stage=self._stage.id, reason=str(error),
                code=int(error.exit_code),
            )  # fmt: skip
            return
        run.recorder.record(
            "preparation-finished", preparation=name, stage=self._stage.id, seconds=prepared.get("seconds"),
            prepared=dict(prepared),
        )  # fmt: skip

    def _do_trial(self, trial: Trial) -> None:
        point = self._points[trial.point]
        blocked = self._failed.get(point.preparation) or self._services.gone(point.target, now=True)
        if blocked:
            self._fail_trial(trial, *blocked)
            return
        recorder = self._run.recorder
        self._run.folder.forget(self._run.folder.samples(trial.point, trial.number))
        recorder.record("trial-started", trial=trial.id, point=trial.point, number=trial.number, stage=self._stage.id)
        hooks = _Hooks(self._run, self._services, trial, point.target)
        try:
            with self._run.interrupts.breaking(at=2), guarded(self._run.folder.control(trial.id)):
                outcome = self._run.steps.trial(
                    self._trial_job(trial, point), self._executor(), hooks, self._secrets(point.target, point.options)
                )
        except BrokenOff:
            recorder.record("trial-interrupted", trial=trial.id, point=trial.point)
            raise
        except StoreError:
            raise
        except AifbenchError as error:
            gone = self._services.gone(point.target, now=True)
            self._fail_trial(trial, *(gone or (str(error), int(error.exit_code))))
        else:
            self._note_outcome(trial, point, outcome)

    def _note_outcome(self, trial: Trial, point: LoadPoint, outcome: TrialOutcome) -> None:
        if outcome.stopped and self._run.interrupts.requested:
            self._run.recorder.record(
                "trial-interrupted", trial=trial.id, point=trial.point, problems=list(outcome.problems)
            )
            raise BrokenOff
        codes = self._worker_codes(trial)
        if ExitCode.STORE in codes:  # the trial is left undone: it can be repeated when there is room again
            hint = f"make room there, then: aifbench resume {self._run.folder.id}"
            raise StoreError("; ".join(outcome.problems), where=trial.id, hint=hint)
        gone = self._services.gone(point.target, now=True)
        problems = list(dict.fromkeys([*([gone[0]] if gone else []), *outcome.problems]))
        if problems:
            self._fail_trial(trial, "; ".join(problems), gone[1] if gone else next(iter(codes), int(ExitCode.LOAD)))
        else:
            self._end_trial(trial, "trial-finished")
            self._remedy(trial, point, outcome)

    def _as_remedied(self, point: LoadPoint) -> LoadPoint:
        """With the workers that an earlier trial led to."""
        found = self._run.state.remedies.get(point.id)
        if found is None:
            return point
        load = replace(point.load, workers=int(found["workers"]))
        return replace(point, load=load, cpus=tuple(int(cpu) for cpu in found["cpus"]))

    def _remedy(self, trial: Trial, point: LoadPoint, outcome: TrialOutcome) -> None:
        """Write down how many workers the following trials get; a remedy that would come too late is none."""
        now = self._as_remedied(point)
        here = [service.name for service in self._stage.services if self._services.without_process(service.name)]
        found = decide(now.load, now.cpus, outcome.reports, free_cores(self._stage, now.cpus, here))
        left = any(other.point == point.id and not self._run.state.trial_done(other.id) for other in self._stage.trials)
        if found is not None and (left or found.why_not):
            self._run.recorder.record(
                "remedy", trial=trial.id, point=point.id, before=now.load.workers, workers=found.workers,
                cpus=list(found.cpus), seen=found.seen, why_not=found.why_not,
            )  # fmt: skip

    def _worker_codes(self, trial: Trial) -> list[int]:
        """The exit codes that workers gave with the errors in their reports."""
        found = []
        for path in sorted(self._run.folder.control(trial.id).glob("report-*.json")):
            with contextlib.suppress(StoreError):
                if (code := read_json(path).get("exit_code")) is not None:
                    found.append(int(code))
        return found

    def _fail_trial(self, trial: Trial, reason: str, code: int) -> None:
        self._end_trial(trial, "trial-failed", reason=reason, code=int(code))

    def _end_trial(self, trial: Trial, kind: str, **more: Any) -> None:
        """The last trial on some data is done when the data has been checked: who takes over does both or neither."""
        recorder = self._run.recorder
        preparation = self._points[trial.point].preparation
        if preparation and self._last[preparation] == trial.id:
            try:
                self._check(next(item for item in self._stage.preparations if item.id == preparation))
            except BrokenOff:
                recorder.record("trial-interrupted", trial=trial.id, point=trial.point)
                raise
        recorder.record(kind, trial=trial.id, point=trial.point, **more)

    def _check(self, preparation: Preparation) -> None:
        """Write down what the workload finds in the data after the load, where there is still something to look at."""
        run, name = self._run, preparation.id
        if (
            name in self._failed
            or self._services.gone(preparation.target, now=True)
            or not run.steps.has_check(preparation)
        ):
            return
        run.recorder.record("preparation-checking", preparation=name, stage=self._stage.id)
        try:
            with run.interrupts.breaking(at=2), guarded(run.folder.preparation(name)):
                facts = run.steps.check(*self._about(preparation))
        except StoreError:
            raise
        except AifbenchError as error:
            run.recorder.record("problem", text=f"the data of {name} could not be checked after the load: {error}")
            return
        run.recorder.record("preparation-checked", preparation=name, stage=self._stage.id, facts=dict(facts))

    def _about(self, preparation: Preparation) -> tuple[PrepareJob, Executor, tuple[str, ...], Watch]:
        """What every step on a preparation is told."""
        target = preparation.target
        secrets = self._secrets(target, preparation.options)
        return self._prepare_job(preparation), self._executor(), secrets, self._watch(target)

    def _prepare_job(self, preparation: Preparation) -> PrepareJob:
        return PrepareJob(
            run=self._run.folder.id,
            preparation=preparation.id,
            uses=preparation.uses,
            options=preparation.options,
            target=self._services.target(preparation.target).target,
            seed=preparation.seed,
            folder=str(self._run.folder.preparation(preparation.id)),
        )

    def _trial_job(self, trial: Trial, point: LoadPoint) -> TrialJob:
        folder = self._run.folder
        point = self._as_remedied(point)
        return TrialJob(
            run=folder.id,
            point=point.id,
            trial=trial.id,
            number=trial.number,
            uses=point.uses,
            options=point.options,
            load=point.load,
            target=self._services.target(point.target).target,
            prepared=self._run.state.prepared.get(point.preparation, {}).get("facts", {}),
            prepared_folder=str(folder.preparation(point.preparation)) if point.preparation else "",
            seed=trial.seed,
            control=str(folder.control(trial.id)),
            samples=str(folder.samples(point.id, trial.number)),
            scratch=str(folder.scratch(trial.id)),
            cpus=point.cpus,
        )

    def _executor(self) -> Executor:
        return self._run.executors.get(self._run.plan.executor)

    def _secrets(self, target: str, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the variables that the target and the workload refer to."""
        return tuple(sorted({*self._services.planned(target).secrets, *secret_names(options)}))

    def _watch(self, target: str) -> Watch:
        def watch() -> str:
            gone = self._services.gone(target)
            return gone[0] if gone else ""

        return watch

    def end(self) -> None:
        """Orderly as far as the signals allow, and in any case nothing left running."""
        run = self._run
        try:
            with run.interrupts.breaking(at=max(2, run.interrupts.count + 1)):
                if run.interrupts.count < 2:
                    self._clean()
                    self._services.bring_down()
        except BrokenOff:
            pass
        finally:
            run.executors.stop_all(0.0)

    def _clean(self) -> None:
        """Remove what preparations left in targets that go on living; unfinished ones left nothing we can name."""
        run = self._run
        for preparation in self._stage.preparations:
            prepared = (run.folder.preparation(preparation.id) / "prepared.json").exists()
            if preparation.id not in run.state.to_clean or self._services.gone(preparation.target) or not prepared:
                continue
            try:
                run.steps.clean(*self._about(preparation))
            except AifbenchError as error:
                run.recorder.record_if_possible("problem", text=f"cleaning up after {preparation.id}: {error}")
            run.recorder.record_if_possible("preparation-cleaned", preparation=preparation.id)


class _Hooks(TrialControl):
    def __init__(self, run: RunContext, services: StageServices, trial: Trial, target: str) -> None:
        self._run = run
        self._services = services
        self._trial = trial
        self._target = target

    def on_submit(self, handle: Handle) -> None:
        """The executor has written it down already."""

    def on_progress(self, progress: Progress, elapsed_s: float) -> None:
        self._run.recorder.show(Tick(self._trial.id, self._trial.point, progress, elapsed_s))

    def stop_requested(self) -> bool:
        return self._run.interrupts.requested

    def target_failure(self) -> str:
        gone = self._services.gone(self._target)
        return gone[0] if gone else ""
