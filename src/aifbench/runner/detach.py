"""Going on without the terminal: the same work in a process that is not tied to this one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aifbench.clock import NS_PER_S, SYSTEM, Clock
from aifbench.errors import ExecutorError
from aifbench.executors.base import Executor, last_lines
from aifbench.model.plan import Plan
from aifbench.model.process import Handle, ProcessSpec
from aifbench.runner.provenance import note_environment
from aifbench.runner.state import fold
from aifbench.store.folder import RunFolder

_START_S = 60.0
_POLL_S = 0.05
_OWN = ("AIFBENCH_HOME", "AIFBENCH_RUNS")


def detach(folder: RunFolder, argv: Sequence[str], executor: Executor, clock: Clock = SYSTEM) -> Handle:
    """Start `argv` (the command that drives this run) untied, and return once it drives the run.

    It works in the run folder; out and err go to controller.log. Raises ExecutorError with its last
    words when it ends before it began.
    """
    plan = folder.read_plan()
    spec = ProcessSpec(
        name=f"controller-{folder.id}",
        argv=tuple(argv),
        folder=str(folder.path),
        env=own_folders(os.environ),
        pass_env=secrets_of(plan),
        out=str(folder.controller_log),
        err=str(folder.controller_log),
        tied=False,
        grace_s=120.0,
    )
    note_environment(folder, plan)
    before = _attempts(folder)
    handle = executor.submit(spec)
    deadline = clock.now_ns() + round(_START_S * NS_PER_S)
    while _attempts(folder) == before:
        status = executor.status([handle])[0]
        if status.ended or clock.now_ns() > deadline:
            executor.stop([handle], 0.0)
            raise ExecutorError(
                f"the controller did not begin ({status.describe()})",
                where=folder.id,
                quoted=last_lines(executor, handle),
                hint=f"full log: {folder.controller_log}",
            )
        clock.sleep_s(_POLL_S)
    return handle


def own_folders(environ: Mapping[str, str]) -> dict[str, str]:
    """AIFBENCH_HOME and AIFBENCH_RUNS as they are meant here, for a process that works in another folder."""
    return {name: str(Path(environ[name]).expanduser().absolute()) for name in _OWN if environ.get(name)}


def _attempts(folder: RunFolder) -> int:
    return fold(folder.read_journal().events).attempts


def secrets_of(plan: Plan) -> tuple[str, ...]:
    """Names of all environment variables that the plan's services and clients read."""
    return tuple(sorted({name for stage in plan.stages for service in stage.services for name in service.secrets}))
