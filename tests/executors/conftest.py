"""Two machines under one contract: this one, by real processes, and the scripted one, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from aifbench.clock import SYSTEM, Clock
from aifbench.errors import ExecutorError
from aifbench.executors.base import Executor
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine
from aifbench.executors.local import LocalExecutor
from aifbench.model.process import Handle, ProcessSpec, ProcessStatus

T = TypeVar("T")

COMMANDS = {
    "quick": ("true",),
    "code-3": ("sh", "-c", "exit 3"),
    "dies-of-9": ("sh", "-c", "kill -9 $$"),
    "endless": ("sleep", "600"),
    "stubborn": ("sh", "-c", "trap '' TERM; echo set; while :; do sleep 0.05; done"),
    "tidy": ("sh", "-c", "trap 'exit 5' TERM; echo set; while :; do sleep 0.02; done"),
    "talks": ("sh", "-c", "echo one; echo two; echo wrong >&2"),
    "absent": ("aifbench-no-such-program",),
}
BEHAVIOURS: dict[str, Behaviour | list[Behaviour]] = {
    "quick": Behaviour(runs_s=0.01),
    "code-3": Behaviour(runs_s=0.01, exit_code=3),
    "dies-of-9": Behaviour(runs_s=0.01, dies_by=9),
    "endless": Behaviour(),
    "stubborn": Behaviour(ignores_term=True, out="set\n"),
    "tidy": Behaviour(term_code=5, out="set\n"),
    "talks": Behaviour(runs_s=0.01, out="one\ntwo\n", err="wrong\n"),
    "absent": Behaviour(refuses="program 'aifbench-no-such-program' was not found on the PATH"),
}


@dataclass
class Twin:
    """A machine with the programs above. `again` gives the executor of another controller on it."""

    executor: Executor
    clock: Clock
    folder: Path
    again: Callable[[], Executor]
    others: list[Executor] = field(default_factory=list)

    def spec(self, name: str, *, tied: bool = True, grace_s: float = 5.0) -> ProcessSpec:
        return ProcessSpec(name, COMMANDS[name], str(self.folder), tied=tied, grace_s=grace_s, out="out", err="err")

    def start(self, name: str, *, tied: bool = True, grace_s: float = 5.0) -> Handle:
        return self.executor.submit(self.spec(name, tied=tied, grace_s=grace_s))

    def second(self) -> Executor:
        self.others.append(self.again())
        return self.others[-1]

    def wait(self, handle: Handle, executor: Executor | None = None) -> ProcessStatus:
        return self.until(lambda: (executor or self.executor).status([handle])[0], lambda status: status.ended)

    def wait_for_output(self, handle: Handle) -> bytes:
        return self.until(lambda: self.executor.read_output(handle, "out"), bool)

    def until(self, ask: Callable[[], T], good: Callable[[T], bool]) -> T:
        limit_ns = self.clock.now_ns() + 20_000_000_000
        while not good(answer := ask()):
            assert self.clock.now_ns() < limit_ns, f"still {answer} after 20 s"
            self.clock.sleep_s(0.01)
        return answer


@pytest.fixture(params=["local", "fake"])
def twin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Twin]:
    if request.param == "local":
        local = LocalExecutor()
        made = Twin(local, SYSTEM, tmp_path, LocalExecutor)
    else:
        machine = FakeMachine(BEHAVIOURS)
        made = Twin(FakeExecutor(machine), machine.clock, tmp_path, lambda: FakeExecutor(machine))
    yield made
    for executor in (made.executor, *made.others):
        executor.close()


@pytest.fixture
def local() -> Iterator[LocalExecutor]:
    executor = LocalExecutor()
    yield executor
    executor.close()


def ended(executor: LocalExecutor, handle: Handle) -> ProcessStatus:
    """Wait for the end of a real process."""
    limit_ns = SYSTEM.now_ns() + 30_000_000_000
    while not (status := executor.status([handle])[0]).ended:
        assert SYSTEM.now_ns() < limit_ns, f"still {status} after 30 s"
        SYSTEM.sleep_s(0.01)
    return status


def refused(executor: Executor, spec: ProcessSpec) -> str:
    with pytest.raises(ExecutorError) as caught:
        executor.submit(spec)
    return str(caught.value)
