"""A world for whole runs without servers and load: a fake machine, and steps that only start fake processes on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aifbench.errors import ExecutorError, LoadError, ServiceError
from aifbench.executors.base import Executor
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine
from aifbench.load.job import PrepareJob, TrialJob
from aifbench.load.progress import Progress
from aifbench.load.trial import TrialControl, TrialOutcome
from aifbench.model.plan import Plan, PlannedService, Preparation
from aifbench.model.process import ProcessSpec, ProcessStatus
from aifbench.model.result import RESULT_SCHEMA, Metric, PointResult, RunResult, SloVerdict, TrialResult, Validity
from aifbench.model.service import Endpoint, Target
from aifbench.runner.recorder import Observer
from aifbench.runner.results import store_result
from aifbench.runner.run import Driving
from aifbench.runner.state import RunState, RunStatus
from aifbench.runner.steps import ServiceUp, Watch
from aifbench.store.folder import RunFolder
from aifbench.store.index import Index

WORKERS = 2


def new_machine(script: Mapping[str, Behaviour | Sequence[Behaviour]] | None = None) -> FakeMachine:
    """Workers and preparations take a second each unless the script says something else about them."""
    quick = Behaviour(runs_s=1.0)
    return FakeMachine({**(script or {}), "worker-*": quick, "prepare-*": quick, "check-*": quick, "cleanup-*": quick})


class FakeSteps:
    """`during` is called with the trial while its workers run."""

    def __init__(self, machine: FakeMachine, during: Callable[[str], None] | None = None) -> None:
        self._clock = machine.clock
        self._during = during or (lambda _trial: None)
        self.external: set[str] = set()
        self.never_ready: set[str] = set()
        self.not_to_be_stopped: set[str] = set()
        self.validity = Validity.VALID
        self.slo: tuple[SloVerdict, ...] = ()
        self.check_fails = False

    def up(
        self, planned: PlannedService, folder: Path, executor: Executor, *, keep: bool, say: Callable[[str], None]
    ) -> ServiceUp:
        target = Target(planned.name, planned.uses, (Endpoint("tcp", f"tcp://127.0.0.1/{planned.name}"),))
        if planned.name in self.external:
            return ServiceUp(planned.name, target, None)
        handle = executor.submit(ProcessSpec(planned.name, ("server",), str(folder), tied=not keep))
        say(f"{planned.name}: waiting, last answer: connection refused")
        self._clock.sleep_s(1.0)
        if planned.name in self.never_ready:
            raise ServiceError("not ready", where=planned.name)
        status = executor.status([handle])[0]
        if status.ended:
            raise ServiceError(f"died while starting ({status.describe()})", where=planned.name)
        return ServiceUp(planned.name, target, handle, {"version": "1"})

    def down(self, up: ServiceUp, executor: Executor) -> ProcessStatus | None:
        if up.name in self.not_to_be_stopped:
            raise ExecutorError("no answer", where=up.name)
        return executor.stop([up.handle])[0] if up.handle is not None else None

    def keep(self, up: ServiceUp, planned: PlannedService, executor: Executor) -> str:
        return up.name

    def prepare(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> Mapping[str, Any]:
        self._process(f"prepare-{job.preparation}", job.folder, executor)
        prepared = {"facts": {"rows": job.seed}}
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        Path(job.folder, "prepared.json").write_text(json.dumps(prepared))
        return prepared

    def has_check(self, preparation: Preparation) -> bool:
        return True

    def check(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> Mapping[str, Any]:
        self._process(f"check-{job.preparation}", job.folder, executor)
        if self.check_fails:
            raise LoadError("the server is silent", where=job.preparation)
        return {"invariants": {"no row is lost": True}}

    def clean(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> None:
        self._process(f"cleanup-{job.preparation}", job.folder, executor)

    def _process(self, name: str, folder: str, executor: Executor) -> None:
        handle = executor.submit(ProcessSpec(name, ("program",), folder))
        while not executor.status([handle])[0].ended:
            self._clock.sleep_s(0.1)

    def trial(self, job: TrialJob, executor: Executor, hooks: TrialControl, secrets: Sequence[str]) -> TrialOutcome:
        samples = Path(job.samples)
        samples.mkdir(parents=True, exist_ok=True)
        assert not list(samples.iterdir()), "samples of an earlier attempt were left"
        handles = []
        for worker in range(WORKERS):
            spec = ProcessSpec(f"worker-{job.trial}-{worker}", ("worker",), job.control)
            handles.append(executor.submit(spec))
            (samples / f"w{worker}.json").write_text(json.dumps(None))  # half written until the end
        stopped, problems = False, []
        while not all(status.ended for status in executor.status(handles)):
            self._during(job.trial)
            hooks.on_progress(Progress(), 0.0)
            if failure := hooks.target_failure():
                problems.append(failure)
                break
            if hooks.stop_requested():
                stopped = True
                break
            self._clock.sleep_s(0.25)
        executor.stop(handles)
        for worker in range(WORKERS):
            value = job.seed * 10 + worker + job.prepared["rows"] * 100
            (samples / f"w{worker}.json").write_text(json.dumps(value))
        return TrialOutcome((), tuple(problems), stopped)

    def evaluate(
        self, folder: RunFolder, plan: Plan, state: RunState, status: RunStatus, executor: Executor
    ) -> RunResult:
        result = RunResult(
            schema=RESULT_SCHEMA, run="", name=plan.name, status=_STATUS[status], started="", ended="", plan_hash="",
            points=tuple(self._point(folder, plan, state, point.id) for point in plan.points()),
            preparations=state.prepared, services=state.services, environment={}, checks=state.checked,
        )  # fmt: skip
        store_result(folder, result)
        return result

    def _point(self, folder: RunFolder, plan: Plan, state: RunState, point: str) -> PointResult:
        trials = []
        for trial in plan.trials():
            files = sorted(folder.samples(point, trial.number).glob("*.json")) if trial.point == point else []
            if files:
                total = sum(json.loads(path.read_text()) for path in files)
                metric = Metric("throughput", "1/s", float(total), n=len(files))
                trials.append(
                    TrialResult(
                        trial.id,
                        point,
                        trial.number,
                        Validity.VALID,
                        (),
                        {"throughput": metric},
                        {},
                        (0, 1),
                        _STATUS[state.trials[trial.id].status],
                        state.trials[trial.id].reason,
                    )
                )
        return PointResult(
            point, point, "command", "command", "service", {}, self.validity, (), {}, self.slo, tuple(trials)
        )  # fmt: skip


_STATUS: Mapping[str, Any] = {
    "finished": "finished", "failed": "failed", "interrupted": "interrupted", "running": "running",
    "under-way": "interrupted",
}  # fmt: skip


def driving(
    machine: FakeMachine,
    home: Path,
    *,
    steps: FakeSteps | None = None,
    executor: Executor | None = None,
    observer: Observer | None = None,
    keep_services: bool = False,
) -> Driving:
    return Driving(
        observer=observer,
        clock=machine.clock,
        executor=executor or FakeExecutor(machine),
        keep_services=keep_services,
        steps=steps or FakeSteps(machine),
        index=Index(home),
    )
