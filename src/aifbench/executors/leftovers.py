"""Ending what an earlier controller left running, from the records it wrote into its journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aifbench.executors.base import Executor
from aifbench.model.process import Handle, ProcessStatus


@dataclass(frozen=True)
class Swept:
    """One process that had not ended when the sweep began. `after` is `unknown` only for other machines' processes."""

    handle: Handle
    before: ProcessStatus
    after: ProcessStatus


def sweep(executor: Executor, records: Sequence[Mapping[str, Any]], grace_s: float | None = None) -> list[Swept]:
    """Stop every process of these records that still runs (or of which it is not known); returns those.

    A controller that was killed takes its tied processes along, but one of them may still be in its grace, and one
    whose supervisor was killed too may have left descendants.
    """
    handles = [executor.attach(record) for record in records]
    running = [pair for pair in zip(handles, executor.status(handles), strict=True) if not pair[1].ended]
    after = executor.stop([handle for handle, _ in running], grace_s)
    return [Swept(handle, before, now) for (handle, before), now in zip(running, after, strict=True)]
