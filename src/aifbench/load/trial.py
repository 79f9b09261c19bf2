"""One trial, seen from the controller: start the workers, let them begin together, watch them, collect the reports."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aifbench.clock import NS_PER_S, SYSTEM, Clock
from aifbench.errors import ExitCode, LoadError, StoreError, from_record
from aifbench.executors.base import Executor, last_lines
from aifbench.load.handshake import as_store_error, put_json
from aifbench.load.job import ControlFolder, TrialJob
from aifbench.load.progress import Progress, total
from aifbench.load.progress import read as read_progress
from aifbench.model.codec import to_json
from aifbench.model.process import Handle, ProcessSpec, ProcessStatus

READY_TIMEOUT_S = 120.0
GO_DELAY_NS = 30_000_000
"""T0 lies this far ahead, so that every worker has read it before it comes (they look every 5 ms)."""
WRITE_TIMEOUT_S = 300.0
_POLL_S = 0.02
_PAGE = 4096


@dataclass(frozen=True)
class TrialOutcome:
    """What the workers said. `problems` names workers that died or failed; samples of the others are kept."""

    reports: tuple[dict[str, Any], ...]
    problems: tuple[str, ...]
    stopped: bool


class TrialControl:
    """Hooks of the runner: each is called often and must return at once."""

    def on_submit(self, handle: Handle) -> None:
        """A worker was started: its handle goes to the journal."""

    def on_progress(self, progress: Progress, elapsed_s: float) -> None:
        """Counts of all workers together; `elapsed_s` since T0, negative before it."""

    def stop_requested(self) -> bool:
        """True once the trial shall end in order."""
        return False

    def target_failure(self) -> str:
        """Why the target is gone (a service died); empty while it lives."""
        return ""


def worker_specs(job: TrialJob, secrets: Sequence[str] = ()) -> list[ProcessSpec]:
    """The worker processes of a trial, each pinned to one of the job's cores when it names any. Pure."""
    control = ControlFolder(job.control)
    return [
        ProcessSpec(
            name=f"worker-{job.trial}-{index}",
            argv=(sys.executable, "-m", "aifbench.load.worker", str(control.job), str(index)),
            folder=str(control.path),
            env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            pass_env=tuple(secrets),
            out=str(control.out(index)),
            err=str(control.err(index)),
            grace_s=5.0,
            cpus=(job.cpus[index % len(job.cpus)],) if job.cpus else (),
        )
        for index in range(job.load.workers)
    ]


def clear(job: TrialJob) -> None:
    """Remove whatever an unfinished earlier attempt of this trial left behind."""
    for folder in (job.control, job.samples, job.scratch):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (job.control, job.samples):
        Path(folder).mkdir(parents=True, exist_ok=True)


def run_trial(
    job: TrialJob,
    executor: Executor,
    hooks: TrialControl,
    *,
    secrets: Sequence[str] = (),
    clock: Clock = SYSTEM,
) -> TrialOutcome:
    """Do it and return what came of it. Raises LoadError when no worker could begin; always ends its processes."""
    clear(job)
    control = ControlFolder(job.control)
    control.job.write_text(to_json(job))
    handles: list[Handle] = []
    try:
        for spec in worker_specs(job, secrets):
            handle = executor.submit(spec)
            handles.append(handle)
            hooks.on_submit(handle)
        watch = _Watch(job, executor, handles, hooks, clock)
        if not watch.wait_until_ready():
            return TrialOutcome((), ("stopped before the load began",), stopped=True)
        t0_ns = clock.now_ns() + GO_DELAY_NS
        put_json(control.go, {"t0_ns": t0_ns})
        return watch.until_end(t0_ns)
    finally:
        executor.stop(handles, grace_s=2.0)
        shutil.rmtree(job.scratch, ignore_errors=True)


class _Watch:
    def __init__(
        self, job: TrialJob, executor: Executor, handles: list[Handle], hooks: TrialControl, clock: Clock
    ) -> None:
        self._job = job
        self._control = ControlFolder(job.control)
        self._executor = executor
        self._handles = handles
        self._hooks = hooks
        self._clock = clock
        self._stopped = False
        self._problems: list[str] = []

    def wait_until_ready(self) -> bool:
        """False when a stop was asked for first. Raises LoadError when a worker ends or none of them gets ready."""
        deadline = self._clock.now_ns() + round(READY_TIMEOUT_S * NS_PER_S)
        missing = set(range(self._job.load.workers))
        while True:
            missing = {index for index in missing if not self._control.ready(index).exists()}
            if not missing:
                return True
            if self._hooks.stop_requested():
                return False
            for index, status in enumerate(self._executor.status(self._handles)):
                if status.ended and index in missing and not self._control.ready(index).exists():
                    self._raise_unready(index, status)
            if self._clock.now_ns() > deadline:
                raise LoadError(f"workers {sorted(missing)} of {self._job.trial} were not ready in {READY_TIMEOUT_S} s")
            self._hooks.on_progress(Progress(), -1.0)
            self._clock.sleep_s(_POLL_S)

    def _raise_unready(self, index: int, status: ProcessStatus) -> None:
        report = self._report(index)
        if report is not None and report.get("error"):
            raise from_record(report["parts"], self._job.trial)
        self._raise_refused(index, status)
        raise LoadError(
            f"worker {index} ended before the load began ({status.describe()})",
            where=self._job.trial,
            quoted=last_lines(self._executor, self._handles[index]),
            hint=f"full log: {self._control.err(index)}",
        )

    def _raise_refused(self, index: int, status: ProcessStatus) -> None:
        """StoreError for a worker that could not write, not even its report: it says so by its exit code.

        On a full disk that code may be lost as well.
        """
        unknown = status.exit_code is None and status.signal is None
        words = f"worker {index} could not write its files" if status.exit_code == ExitCode.STORE else ""
        if unknown and self._no_room():
            words = f"worker {index} left no report: the disk is full"
        if words:
            raise StoreError(
                words,
                where=self._job.trial,
                quoted=last_lines(self._executor, self._handles[index]),
                hint=f"make room on the file system of {self._control.path}, then: aifbench resume {self._job.run}",
            )

    def _no_room(self) -> bool:
        probe = self._control.path / "room"
        try:
            probe.write_bytes(bytes(_PAGE))
        except OSError as error:
            return as_store_error(error) is not None
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()
        return False

    def _report(self, index: int) -> dict[str, Any] | None:
        try:
            data: dict[str, Any] = json.loads(self._control.report(index).read_text())
        except (OSError, ValueError):
            return None
        return data

    def until_end(self, t0_ns: int) -> TrialOutcome:
        load = self._job.load
        limit = t0_ns + round((load.length_s + load.drain_s + WRITE_TIMEOUT_S) * NS_PER_S)
        while True:
            now = self._clock.now_ns()
            parts = [read_progress(self._control.progress(index)) for index in range(load.workers)]
            self._hooks.on_progress(total(parts), (now - t0_ns) / NS_PER_S)
            self._check_stop()
            if all(status.ended for status in self._executor.status(self._handles)):
                break
            if now > limit:
                self._problems.append(f"{self._job.trial}: workers did not end in time and were ended")
                break
            self._clock.sleep_s(_POLL_S * 5)
        return self._collect()

    def _check_stop(self) -> None:
        if self._stopped:
            return
        failure = self._hooks.target_failure()
        if failure:
            self._problems.append(failure)
        if failure or self._hooks.stop_requested():
            self._stopped = True
            put_json(self._control.stop, {"reason": failure or "stop requested"})

    def _salvage(self, index: int) -> str:
        """Have the samples written that a dead worker had moved to disk; says what was kept."""
        if not (Path(self._job.scratch) / f"w{index}" / "spill").exists():
            return "none of its samples are kept"
        spec = worker_specs(self._job)[index]
        handle = self._executor.submit(replace(spec, name=f"{spec.name}-salvage", argv=(*spec.argv, "salvage")))
        self._hooks.on_submit(handle)
        limit = self._clock.now_ns() + round(WRITE_TIMEOUT_S * NS_PER_S)
        while not self._executor.status([handle])[0].ended and self._clock.now_ns() < limit:
            self._clock.sleep_s(_POLL_S)
        self._executor.stop([handle], grace_s=1.0)
        report = self._report(index) or {}
        count = sum(report.get("ended", {}).values())
        return f"{count} of its samples were on disk and are kept"

    def _collect(self) -> TrialOutcome:
        reports = []
        for index, status in enumerate(self._executor.status(self._handles)):
            report = self._report(index)
            if report is None:
                self._raise_refused(index, status)
                words = "; ".join(last_lines(self._executor, self._handles[index], 3))
                kept = self._salvage(index)
                self._problems.append(f"worker {index} left no report ({status.describe()}); {kept}. {words}".rstrip())
            elif report.get("error"):
                kept = f"; {self._salvage(index)}; {report['parts']['hint']}" if report.get("broke") else ""
                self._problems.append(f"worker {index}: {str(report['error']).splitlines()[0]}{kept}")
            else:
                reports.append(report)
        return TrialOutcome(tuple(reports), tuple(self._problems), self._stopped)
