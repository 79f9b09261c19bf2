"""The controller is killed at every instant that the journal tells apart; the resumed run must not show it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aifbench.executors.base import Stream
from aifbench.executors.fake import Behaviour, FakeExecutor
from aifbench.model.codec import to_data
from aifbench.model.process import Handle, ProcessSpec, ProcessStatus
from aifbench.runner.run import resume, start
from aifbench.runner.state import fold
from aifbench.store.folder import RunFolder
from aifbench.store.journal import Event, Journal
from tests.runner.world import WORKERS, FakeSteps, driving, new_machine
from tests.store.plans import small_plan

PLAN = small_plan(stages=2)
EVENTS = 74  # of an undisturbed run of this plan, without run-created; a test below says so


class Killed(BaseException):
    """Stands for SIGKILL inside this process: afterwards the controller can do nothing at all."""


class Life:
    """Ends right before (`after` False) or right after the journal's event number `at` is on the disk."""

    def __init__(self, at: int, *, after: bool) -> None:
        self._left = at
        self._after = after
        self.over = False

    def check(self) -> None:
        if self.over:
            raise Killed

    def before_event(self) -> None:
        self.check()
        self._left -= 1
        if self._left == 0 and not self._after:
            self.over = True
            raise Killed

    def after_event(self) -> None:
        if self._left == 0 and self._after:
            self.over = True
            raise Killed


class SoleExecutor(FakeExecutor):
    """Refuses to start anything beside a living process of the same name."""

    def submit(self, spec: ProcessSpec) -> Handle:
        assert not [one for one in self.machine.running() if one.spec.name == spec.name], f"two of {spec.name}"
        return super().submit(spec)


class MortalExecutor(SoleExecutor):
    """Does nothing any more once the controller is dead."""

    life: Life

    def submit(self, spec: ProcessSpec) -> Handle:
        self.life.check()
        return super().submit(spec)

    def status(self, handles: Sequence[Handle]) -> list[ProcessStatus]:
        self.life.check()
        return super().status(handles)

    def stop(self, handles: Sequence[Handle], grace_s: float | None = None) -> list[ProcessStatus]:
        self.life.check()
        return super().stop(handles, grace_s)

    def signal(self, handle: Handle, number: int) -> None:
        self.life.check()
        super().signal(handle, number)

    def read_output(self, handle: Handle, stream: Stream, offset: int = 0, limit: int = 65536) -> bytes:
        self.life.check()
        return super().read_output(handle, stream, offset, limit)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """Result and number of events of the undisturbed run."""
    tmp_path = tmp_path_factory.mktemp("whole")
    outcome = start(PLAN, "", "", tmp_path / "runs", driving(new_machine(), tmp_path))
    return comparable(outcome.result), len(outcome.folder.read_journal().events) - 1


def comparable(result: object) -> dict[str, Any]:
    """All of a result but how long services were up, which a break in the run changes."""
    data: dict[str, Any] = to_data(result)
    for facts in data["services"].values():
        facts.pop("usage", None)
    return data


def test_the_number_of_events_that_the_tests_below_go_through_is_that_of_the_run(
    whole: tuple[dict[str, Any], int],
) -> None:
    assert whole[1] == EVENTS


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, EVENTS + 1))
def test_a_controller_killed_at_any_event_is_resumed_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[dict[str, Any], int], at: int, after: bool
) -> None:
    """The fake machine outlives the controller, as a real one does: leftovers and double starts would be seen.

    Its services do not mind SIGTERM: they still run when the next controller comes.
    """
    machine = new_machine({"service*": Behaviour(ignores_term=True)})
    executor = MortalExecutor(machine)
    executor.life = life = Life(at, after=after)
    append = Journal.append

    def mortal_append(journal: Journal, kind: str, **data: object) -> Event:
        if kind == "run-created":
            return append(journal, kind, **data)
        life.before_event()
        event = append(journal, kind, **data)
        life.after_event()
        return event

    monkeypatch.setattr(Journal, "append", mortal_append)
    with pytest.raises(Killed):
        start(PLAN, "", "", tmp_path / "runs", driving(machine, tmp_path, executor=executor))
    monkeypatch.undo()
    machine.controller_dies(executor)

    folder = RunFolder(next((tmp_path / "runs").iterdir()))
    before = folder.read_journal().events
    outcome = resume(folder, driving(machine, tmp_path, executor=SoleExecutor(machine)))

    assert machine.running() == []
    if outcome.already:
        assert before[-1].kind == "run-finished"
        return
    assert comparable(outcome.result) == whole[0]
    _no_trial_was_repeated(folder, Counter(process.spec.name for process in machine.processes.values()))
    assert fold(folder.read_journal().events).left_running() == {}


def _no_trial_was_repeated(folder: RunFolder, starts: Mapping[str, int]) -> None:
    events = folder.read_journal().events
    finished: set[str] = set()
    attempts: Counter[str] = Counter()
    for event in events:
        if event.kind == "trial-started":
            assert event.data["trial"] not in finished, "a finished trial was begun again"
            attempts[event.data["trial"]] += 1
        elif event.kind == "trial-finished":
            finished.add(event.data["trial"])
    assert finished == {trial.id for trial in PLAN.trials()}
    for trial in finished:
        for worker in range(WORKERS):
            assert starts[f"worker-{trial}-{worker}"] <= attempts[trial]
    assert sum(attempts.values()) <= len(finished) + 1


@pytest.mark.parametrize("at", [*range(1, EVENTS + 1, 4)])
def test_a_controller_process_ended_by_sigkill_is_resumed_to_the_same_result(
    tmp_path: Path, whole: tuple[dict[str, Any], int], at: int
) -> None:
    child = os.fork()
    if child == 0:
        try:
            _run_and_die(tmp_path, at)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    folder = RunFolder(next((tmp_path / "runs").iterdir()))
    machine = new_machine()
    outcome = resume(folder, driving(machine, tmp_path))
    assert comparable(outcome.result) == whole[0]
    assert machine.running() == []


def _run_and_die(tmp_path: Path, at: int) -> None:
    def observer(news: object) -> None:
        if isinstance(news, Event) and news.seq - 1 == at:
            os.kill(os.getpid(), signal.SIGKILL)

    machine = new_machine()
    start(PLAN, "", "", tmp_path / "runs", driving(machine, tmp_path, observer=observer))


@pytest.mark.parametrize("at", [3, 9, 14, 20])
def test_a_resumed_controller_that_is_killed_too_is_resumed_again(
    tmp_path: Path, whole: tuple[dict[str, Any], int], at: int
) -> None:
    folder: RunFolder | None = None
    for attempt in range(3):
        child = os.fork()
        if child == 0:
            try:
                count = 0

                def observer(news: object) -> None:
                    nonlocal count
                    count += isinstance(news, Event)
                    if count == at:
                        os.kill(os.getpid(), signal.SIGKILL)

                given = driving(new_machine(), tmp_path, observer=observer)
                if folder is None:
                    start(PLAN, "", "", tmp_path / "runs", given)
                else:
                    resume(folder, given)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, f"attempt {attempt} was not killed"
        folder = RunFolder(next((tmp_path / "runs").iterdir()))
    assert folder is not None
    machine = new_machine()
    assert comparable(resume(folder, driving(machine, tmp_path)).result) == whole[0]


def test_samples_of_an_unfinished_trial_are_thrown_away_before_it_is_repeated(
    tmp_path: Path, whole: tuple[dict[str, Any], int]
) -> None:
    """FakeSteps asserts that the folder is empty; here one is left as a dead worker leaves it."""
    done = start(PLAN, "", "", tmp_path / "runs", driving(new_machine(), tmp_path)).folder
    events = done.read_journal().events
    number = next(event.seq for event in events if event.kind == "trial-started")
    done.events.write_bytes(b"".join(event.line() for event in events[:number]))
    (done.samples("work1", 1) / "w7.json").write_text("1000000")
    machine = new_machine()
    steps = FakeSteps(machine)
    outcome = resume(done, driving(machine, tmp_path, steps=steps))
    assert comparable(outcome.result) == whole[0]
