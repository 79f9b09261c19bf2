"""What every part of one driven run shares."""

from __future__ import annotations

from dataclasses import dataclass

from aifbench.clock import Clock
from aifbench.model.plan import Plan
from aifbench.runner.interrupts import Interrupts
from aifbench.runner.recorder import Recorder
from aifbench.runner.recording import ExecutorSet
from aifbench.runner.state import RunState
from aifbench.runner.steps import Steps
from aifbench.store.folder import RunFolder


@dataclass(frozen=True)
class RunContext:
    folder: RunFolder
    plan: Plan
    recorder: Recorder
    executors: ExecutorSet
    interrupts: Interrupts
    steps: Steps
    clock: Clock
    keep_services: bool = False

    @property
    def state(self) -> RunState:
        return self.recorder.state
