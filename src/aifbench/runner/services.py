"""The services of one stage: brought up in the plan's order, watched, and ended however the stage ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from aifbench.clock import NS_PER_S
from aifbench.errors import AifbenchError, ExitCode, ServiceError, StoreError
from aifbench.executors.base import last_lines
from aifbench.model.codec import to_data
from aifbench.model.plan import PlannedService
from aifbench.runner.context import RunContext
from aifbench.runner.interrupts import BrokenOff
from aifbench.runner.recorder import Said
from aifbench.runner.recording import RecordingExecutor
from aifbench.runner.steps import ServiceUp
from aifbench.services.symptoms import explain
from aifbench.store.files import guarded

_LOOK_EVERY_NS = NS_PER_S // 2
_LOGS = ("out", "err")


class StageServices:
    """`keep` leaves them up at the end, for other commands to use."""

    def __init__(self, run: RunContext, stage: str, *, keep: bool) -> None:
        self._run = run
        self._stage = stage
        self._keep = keep
        self._up: dict[str, ServiceUp] = {}
        self._planned: dict[str, PlannedService] = {}
        self._gone: dict[str, tuple[str, int]] = {}
        self._looked_ns: dict[str, int] = {}

    def bring_up(self, planned: PlannedService) -> None:
        """One that fails is written down; what needs it will find it gone."""
        recorder = self._run.recorder
        folder = self._run.folder.service(planned.name)
        self._planned[planned.name] = planned
        recorder.record("service-starting", service=planned.name, stage=self._stage, uses=planned.uses)
        try:
            with self._nothing_left_on_failure(), self._run.interrupts.breaking(at=1), guarded(folder):
                up = self._start(planned, folder)
        except StoreError:
            raise
        except AifbenchError as error:
            self._gone[planned.name] = (f"service {planned.name} did not become ready", int(error.exit_code))
            recorder.record(
                "service-failed", service=planned.name, stage=self._stage, reason=str(error), code=int(error.exit_code)
            )
            return
        self._up[planned.name] = up
        recorder.record(
            "service-ready",
            service=planned.name,
            stage=self._stage,
            endpoints=[endpoint.url for endpoint in up.target.endpoints],
            ready_s=up.facts.get("ready_s"),
            facts=dict(up.facts),
        )

    def _start(self, planned: PlannedService, folder: Path) -> ServiceUp:
        if folder.exists():  # an earlier attempt or stage: a service begins with no data, its logs go on
            for path in sorted(folder.iterdir()):
                if path.name not in _LOGS:
                    self._run.folder.forget(path)
        executor = self._run.executors.get(planned.executor)
        return self._run.steps.up(
            planned, folder, executor, keep=self._keep, say=lambda line: self._run.recorder.show(Said(line))
        )

    @contextlib.contextmanager
    def _nothing_left_on_failure(self) -> Iterator[None]:
        before = set(self._run.state.running)
        try:
            yield
        except BaseException:
            with contextlib.suppress(BrokenOff), self._run.interrupts.breaking(at=2):
                self._run.executors.stop_all(None, but=before)
            self._run.executors.stop_all(0.0, but=before)
            raise

    def target(self, name: str) -> ServiceUp:
        """Only for services that are not gone."""
        return self._up[name]

    def without_process(self, name: str) -> bool:
        """Whether it is up and no process of ours is behind it."""
        return name in self._up and self._up[name].handle is None

    def planned(self, name: str) -> PlannedService:
        return self._planned[name]

    def gone(self, name: str, *, now: bool = False) -> tuple[str, int] | None:
        """Why a service cannot be used (reason, exit code), or None. Looks twice a second unless `now`."""
        if name in self._gone:
            return self._gone[name]
        up = self._up.get(name)
        if up is None:
            return (f"service {name} was not started", int(ExitCode.SERVICE))
        time_ns = self._run.clock.now_ns()
        if up.handle is None or (not now and time_ns - self._looked_ns.get(name, -_LOOK_EVERY_NS) < _LOOK_EVERY_NS):
            return None
        self._looked_ns[name] = time_ns
        executor = self._run.executors.get(self._planned[name].executor)
        status = executor.status([up.handle])[0]
        if not status.ended:
            return None
        return self._note_death(name, f"died ({status.describe()})", last_lines(executor, up.handle, 5))

    def _note_death(self, name: str, how: str, lines: list[str]) -> tuple[str, int]:
        where = f"service {name}"
        hint = "; ".join(filter(None, (explain(lines), f"full log: {self._run.folder.service(name) / 'err'}")))
        self._gone[name] = (f"{where} {how}", int(ExitCode.SERVICE))
        self._run.recorder.record(
            "service-died",
            service=name,
            stage=self._stage,
            reason=str(ServiceError(how, where=where, quoted=lines, hint=hint)),
            code=int(ExitCode.SERVICE),
        )
        return self._gone[name]

    def bring_down(self) -> None:
        """The orderly end of each, last one first; a failure is written down and the others go on."""
        for name, up in reversed(self._up.items()):
            executor = self._run.executors.get(self._planned[name].executor)
            if not self._handed_over(name, up, executor):
                self._stop(name, up, executor)
        self._up.clear()

    def _stop(self, name: str, up: ServiceUp, executor: RecordingExecutor) -> None:
        recorder = self._run.recorder
        recorder.record_if_possible("service-stopping", service=name, stage=self._stage)
        status = None
        try:
            status = self._run.steps.down(up, executor)
        except AifbenchError as error:
            recorder.record_if_possible("problem", text=f"stopping service {name}: {error}")
        recorder.record_if_possible(
            "service-stopped", service=name, stage=self._stage, usage=to_data(status.usage) if status else None
        )

    def _handed_over(self, name: str, up: ServiceUp, executor: RecordingExecutor) -> bool:
        """Whether it stays up, because the user wants to keep it and the run has come to its end."""
        if not self._keep or up.handle is None or name in self._gone or self._run.interrupts.requested:
            return False
        recorder = self._run.recorder
        try:
            kept = self._run.steps.keep(up, self._planned[name], executor)
        except AifbenchError as error:
            recorder.record_if_possible("problem", text=f"service {name} is not kept: {error}")
            return False
        number = executor.number(up.handle)
        recorder.record_if_possible("service-kept", service=name, stage=self._stage, kept_as=kept, processes=[number])
        return True
