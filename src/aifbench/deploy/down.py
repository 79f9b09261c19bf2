"""The end of deployed services: the last one up goes down first, and a failure never spares the others."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from aifbench.deploy.deployed import Deployed, write_exit
from aifbench.errors import AifbenchError, StoreError
from aifbench.executors.base import Executor
from aifbench.model.process import ProcessStatus


def down(deployed: Deployed, executor: Executor, *, grace_s: float | None = None) -> ProcessStatus | None:
    """Stop it and write exit.json; None when no process of ours is behind it. Raises ExecutorError.

    A disk that cannot be written does not matter here: the process has ended, and that counts.
    """
    if deployed.handle is None:
        return None
    died = executor.status([deployed.handle])[0].ended
    status = executor.stop([deployed.handle], grace_s)[0]
    with contextlib.suppress(StoreError):
        write_exit(Path(deployed.where.folder), status, "died" if died else "stopped")
    return status


def down_all(
    deployed: Sequence[Deployed],
    executor: Executor,
    *,
    grace_s: float | None = None,
    on_progress: Callable[[str], None] = lambda line: None,
) -> list[ProcessStatus | None]:
    """Stop all in reverse order; the statuses in the order given. The first failure is raised after the last stop."""
    found: list[ProcessStatus | None] = []
    failed: AifbenchError | None = None
    for one in reversed(deployed):
        try:
            status = down(one, executor, grace_s=grace_s)
        except AifbenchError as error:
            failed, status = failed or error, None
        else:
            on_progress(f"{one.name}: {status.describe() if status else 'nothing to stop'}")
        found.append(status)
    if failed is not None:
        raise failed
    return found[::-1]
