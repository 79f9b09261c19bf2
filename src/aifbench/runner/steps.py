"""What a run is made of, as the loop sees it: bring a service up, prepare, do a trial, check, evaluate.

`RealSteps` does it with the packages made for it; the loop itself knows only this contract, so that its own rules
(order, journal, resume, interrupts) are tested without servers and load.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from aifbench.clock import SYSTEM, Clock
from aifbench.deploy.deployed import Deployed
from aifbench.deploy.down import down
from aifbench.deploy.kept import KeptServices
from aifbench.deploy.up import Start, up
from aifbench.errors import AifbenchError, ExitCode, LoadError, ServiceError, StoreError, from_record
from aifbench.executors.base import Executor, last_lines
from aifbench.load.job import PrepareJob, TrialJob
from aifbench.load.prepare import FAILED
from aifbench.load.trial import TrialControl, TrialOutcome, run_trial
from aifbench.model.codec import to_json
from aifbench.model.plan import Plan, PlannedService, Preparation
from aifbench.model.process import Handle, ProcessSpec, ProcessStatus
from aifbench.model.result import RunResult
from aifbench.model.service import Target
from aifbench.runner.results import load_result
from aifbench.runner.state import RunState, RunStatus
from aifbench.services.base import SERVICES
from aifbench.store.files import make_folder, read_json, write_atomic
from aifbench.store.folder import RunFolder
from aifbench.store.index import aifbench_home
from aifbench.workloads.base import WORKLOADS, Workload

_POLL_S = 0.05


@dataclass(frozen=True)
class ServiceUp:
    """A service that answers. `handle` is None when no process of ours is behind it: then it outlives the run."""

    name: str
    target: Target
    handle: Handle | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    deployed: Any = None


Watch = Callable[[], str]
"""Why the target is gone; empty while it lives. Called often."""


class Steps(Protocol):
    def up(
        self, planned: PlannedService, folder: Path, executor: Executor, *, keep: bool, say: Callable[[str], None]
    ) -> ServiceUp:
        """Start it and wait until it is ready; on failure (AifbenchError) nothing of it is left running.

        `say` is told in a line why it is not ready yet.
        """
        ...

    def down(self, up: ServiceUp, executor: Executor) -> ProcessStatus | None:
        """Its own orderly end; None when no process of ours is behind it."""
        ...

    def keep(self, up: ServiceUp, planned: PlannedService, executor: Executor) -> str:
        """Hand a service that was started to be kept over to those that outlive runs; the name it has there."""
        ...

    def prepare(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> Mapping[str, Any]:
        """What prepared.json says. Raises AifbenchError when the data could not be loaded."""
        ...

    def has_check(self, preparation: Preparation) -> bool:
        """Whether its workload has anything to look at after the load."""
        ...

    def check(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> Mapping[str, Any]:
        """What the workload found in the data. Raises AifbenchError when it could not look."""
        ...

    def clean(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> None:
        """Remove what `prepare` left in a target that outlives the run."""
        ...

    def trial(self, job: TrialJob, executor: Executor, hooks: TrialControl, secrets: Sequence[str]) -> TrialOutcome: ...

    def evaluate(
        self, folder: RunFolder, plan: Plan, state: RunState, status: RunStatus, executor: Executor
    ) -> RunResult:
        """Everything that can be said about the run's samples so far; stored in result.json and metrics.json."""
        ...


def run_preparation(
    job: PrepareJob, action: str, executor: Executor, secrets: Sequence[str], watch: Watch, clock: Clock
) -> None:
    """`python -m aifbench.load.prepare` until its end; raises the error that it ended with, or ServiceError."""
    folder = make_folder(Path(job.folder))
    failed = folder / FAILED
    failed.unlink(missing_ok=True)
    write_atomic(folder / "job.json", to_json(job))
    spec = ProcessSpec(
        name=f"{action}-{job.preparation}",
        argv=(sys.executable, "-m", "aifbench.load.prepare", str(folder / "job.json"), action),
        folder=str(folder),
        pass_env=tuple(secrets),
        out=str(folder / "out"),
        err=str(folder / "err"),
        grace_s=5.0,
    )
    where = f"preparation {job.preparation}"

    def look() -> None:
        if reason := watch():
            raise ServiceError(reason, where=where)

    handle, status = _to_its_end(spec, executor, clock, look)
    if status.exit_code != 0:
        if reason := watch():
            raise ServiceError(reason, where=where, quoted=last_lines(executor, handle))
        if failed.is_file():
            error = from_record(read_json(failed), where)
            error.hint = "; ".join(part for part in (error.hint, f"full log: {folder / 'err'}") if part)
            raise error
        raise LoadError(
            f"ended with {status.describe()}",
            where=where,
            quoted=last_lines(executor, handle),
            hint=f"full log: {folder / 'err'}",
        )


def _to_its_end(
    spec: ProcessSpec, executor: Executor, clock: Clock, look: Callable[[], None] = lambda: None
) -> tuple[Handle, ProcessStatus]:
    """Start it and wait for its end, looking around meanwhile; it is stopped whatever breaks the wait off."""
    handle = executor.submit(spec)
    try:
        while not (status := executor.status([handle])[0]).ended:
            look()
            clock.sleep_s(_POLL_S)
    finally:
        executor.stop([handle])
    return handle, status


def run_evaluation(folder: RunFolder, status: RunStatus, executor: Executor, clock: Clock) -> None:
    """`python -m aifbench.runner.evaluate` until its end: what it needs of memory is not the controller's.

    Raises AifbenchError with its last words and its exit code.
    """
    place = make_folder(folder.evaluation)
    spec = ProcessSpec(
        name="evaluation",
        argv=(sys.executable, "-m", "aifbench.runner.evaluate", str(folder.path), status),
        folder=str(place),
        out=str(place / "out"),
        err=str(place / "err"),
        grace_s=5.0,
    )
    handle, ended = _to_its_end(spec, executor, clock)
    if ended.exit_code != 0:
        failed = StoreError if ended.exit_code == ExitCode.STORE else AifbenchError
        raise failed(
            f"the evaluation ended with {ended.describe()}",
            where=folder.id,
            quoted=last_lines(executor, handle),
            hint=f"samples are kept; full log: {place / 'err'}; try it again: aifbench resume {folder.id}",
        )


class RealSteps:
    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock

    def up(
        self, planned: PlannedService, folder: Path, executor: Executor, *, keep: bool, say: Callable[[str], None]
    ) -> ServiceUp:
        kind = SERVICES.load(planned.uses)
        try:
            service = kind(planned.name, kind.recipe_keys(**planned.options))
        except ValidationError as error:
            raise ServiceError(
                f"the plan does not fit this version: {error}", where=f"service {planned.name}"
            ) from error
        deployed = up(
            service, planned.uses, executor, folder,
            ready_timeout_s=planned.ready_timeout_s, clock=self._clock, on_progress=say,
            start=Start(tied=not keep, cpus=planned.cpus),
        )  # fmt: skip
        facts = {
            "uses": planned.uses, **deployed.facts, "packages": dict(deployed.packages), "ready_s": deployed.ready_s,
        }  # fmt: skip
        return ServiceUp(planned.name, deployed.target(), deployed.handle, facts, deployed)

    def down(self, up: ServiceUp, executor: Executor) -> ProcessStatus | None:
        assert isinstance(up.deployed, Deployed)
        return down(up.deployed, executor)

    def keep(self, up: ServiceUp, planned: PlannedService, executor: Executor) -> str:
        assert isinstance(up.deployed, Deployed)
        return KeptServices(aifbench_home(), executor).adopt(up.deployed, planned.options).name

    def evaluate(
        self, folder: RunFolder, plan: Plan, state: RunState, status: RunStatus, executor: Executor
    ) -> RunResult:
        run_evaluation(folder, status, executor, self._clock)
        return load_result(folder)

    def prepare(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> Mapping[str, Any]:
        prepared: dict[str, Any]
        if WORKLOADS.load(job.uses).prepare is Workload.prepare:  # nothing to load: no process for it
            make_folder(Path(job.folder))
            prepared = {"facts": {}, "seconds": 0.0}
            write_atomic(Path(job.folder) / "prepared.json", to_json(prepared))
            return prepared
        run_preparation(job, "prepare", executor, secrets, watch, self._clock)
        prepared = read_json(Path(job.folder) / "prepared.json")
        return prepared

    def has_check(self, preparation: Preparation) -> bool:
        return WORKLOADS.load(preparation.uses).check is not Workload.check

    def check(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> Mapping[str, Any]:
        run_preparation(job, "check", executor, secrets, watch, self._clock)
        facts: dict[str, Any] = read_json(Path(job.folder) / "checked.json")
        return facts

    def clean(self, job: PrepareJob, executor: Executor, secrets: Sequence[str], watch: Watch) -> None:
        if WORKLOADS.load(job.uses).cleanup is not Workload.cleanup:
            run_preparation(job, "cleanup", executor, secrets, watch, self._clock)

    def trial(self, job: TrialJob, executor: Executor, hooks: TrialControl, secrets: Sequence[str]) -> TrialOutcome:
        return run_trial(job, executor, hooks, secrets=secrets, clock=self._clock)
