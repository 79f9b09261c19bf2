from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from aifbench.errors import ExitCode
from aifbench.executors.fake import Behaviour, FakeMachine
from aifbench.runner.interrupts import BrokenOff, Interrupts
from aifbench.runner.outcome import Outcome
from aifbench.runner.run import resume, start
from aifbench.store.journal import Event
from tests.runner.test_run import data, kinds
from tests.runner.world import FakeSteps, driving, new_machine
from tests.store.plans import small_plan


def interrupt(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def run_interrupted(
    tmp_path: Path,
    machine: FakeMachine,
    during: Callable[[str], None],
    observer: Callable[[object], None] | None = None,
) -> Outcome:
    steps = FakeSteps(machine, during)
    return start(
        small_plan(stages=2), "", "", tmp_path / "runs", driving(machine, tmp_path, steps=steps, observer=observer)
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_a_trial_ends_it_in_order_and_its_samples_are_kept_and_marked(tmp_path: Path, number: int) -> None:
    machine = new_machine()
    outcome = run_interrupted(tmp_path, machine, lambda trial: interrupt(number) if trial == "work1.t2" else None)
    assert outcome.exit_code == ExitCode.INTERRUPTED
    assert [event["trial"] for event in data(outcome.folder, "trial-interrupted")] == ["work1.t2"]
    assert outcome.result is not None
    assert [trial.status for trial in outcome.result.points[0].trials] == ["finished", "interrupted"]
    assert kinds(outcome.folder)[-1] == "run-interrupted"
    assert machine.running() == []


def test_an_interrupted_run_is_resumed_with_the_trial_that_was_cut_short(tmp_path: Path) -> None:
    machine = new_machine()
    folder = run_interrupted(tmp_path, machine, lambda trial: interrupt() if trial == "work1.t2" else None).folder
    outcome = resume(folder, driving(machine, tmp_path))
    assert outcome.exit_code == ExitCode.GOOD
    started = [event["trial"] for event in data(folder, "trial-started")]
    assert started == ["work1.t1", "work1.t2", "work1.t2", "work2.t1", "work2.t2"]


def test_a_service_is_told_to_end_and_given_its_grace_at_the_first_signal(tmp_path: Path) -> None:
    machine = new_machine({"service1": Behaviour(term_takes_s=3.0, term_code=0)})
    outcome = run_interrupted(tmp_path, machine, lambda _: interrupt())
    assert data(outcome.folder, "process-ended")[-1]["how"] == "exit code 0"


def test_the_second_signal_ends_a_trial_that_drains_and_kills_what_runs(tmp_path: Path) -> None:
    machine = new_machine({"service1": Behaviour(term_takes_s=5.0, term_code=0)})
    calls: list[str] = []

    def twice(trial: str) -> None:
        calls.append(trial)
        interrupt()
        interrupt()

    outcome = run_interrupted(tmp_path, machine, twice)
    assert outcome.exit_code == ExitCode.INTERRUPTED
    assert len(calls) == 1
    ends = {str(event["name"]): event["how"] for event in data(outcome.folder, "process-ended")}
    assert ends["service1"] == "killed by signal 9"
    assert machine.running() == []


def test_the_second_signal_cuts_the_grace_of_a_service_short(tmp_path: Path) -> None:
    """It comes while the service is being stopped after the first."""
    machine = new_machine({"service1": Behaviour(ignores_term=True)})
    sleep = machine.clock.sleep_s
    seen: list[str] = []

    def observer(news: object) -> None:
        if isinstance(news, Event):
            seen.append(news.kind)

    def sleep_s(seconds: float) -> None:
        if seen and seen[-1] == "service-stopping" and seen.count("signal") == 0:
            seen.insert(0, "signal")
            interrupt()
        sleep(seconds)

    machine.clock.sleep_s = sleep_s  # type: ignore[method-assign]
    outcome = run_interrupted(tmp_path, machine, lambda _: interrupt(), observer)
    assert seen[0] == "signal"
    assert "service-stopped" not in kinds(outcome.folder)
    assert outcome.exit_code == ExitCode.INTERRUPTED
    assert machine.running() == []


def test_a_wait_for_a_service_is_broken_off_at_the_first_signal(tmp_path: Path) -> None:
    machine = new_machine({"service1": Behaviour(start_delay_s=30.0)})
    outcome = run_interrupted(tmp_path, machine, _never, _at("process-started"))
    assert outcome.exit_code == ExitCode.INTERRUPTED
    assert "service-ready" not in kinds(outcome.folder)
    assert machine.running() == []


def test_a_preparation_is_broken_off_at_the_first_signal(tmp_path: Path) -> None:
    machine = new_machine()
    outcome = run_interrupted(tmp_path, machine, _never, _at("preparation-started"))
    assert outcome.exit_code == ExitCode.INTERRUPTED
    assert "preparation-finished" not in kinds(outcome.folder)
    assert machine.running() == []


def test_a_signal_between_trials_starts_no_further_one(tmp_path: Path) -> None:
    machine = new_machine()
    outcome = run_interrupted(tmp_path, machine, lambda _: None, _at("trial-finished"))
    assert len(data(outcome.folder, "trial-started")) == 1
    assert outcome.exit_code == ExitCode.INTERRUPTED


@pytest.mark.parametrize("signals", [1, 2, 3])
@pytest.mark.parametrize("at", range(2, 66, 3))
def test_signals_at_any_event_leave_nothing_running_and_a_run_that_can_be_resumed(
    tmp_path: Path, at: int, signals: int
) -> None:
    def observer(news: object) -> None:
        if isinstance(news, Event) and news.seq == at:
            for _ in range(signals):
                interrupt()

    machine = new_machine()
    outcome = run_interrupted(tmp_path, machine, lambda _: None, observer)
    assert machine.running() == []
    if outcome.status == "interrupted":
        assert resume(outcome.folder, driving(machine, tmp_path)).exit_code == ExitCode.GOOD
    assert len({str(event["trial"]) for event in data(outcome.folder, "trial-finished")}) == 4
    assert len(data(outcome.folder, "trial-finished")) == 4


def _never(trial: str) -> None:
    raise AssertionError(f"{trial} was begun")


def _at(kind: str) -> Callable[[object], None]:
    sent: list[str] = []

    def observer(news: object) -> None:
        if isinstance(news, Event) and news.kind == kind and not sent:
            sent.append(kind)
            interrupt()

    return observer


def test_a_signal_raises_only_where_that_is_allowed() -> None:
    with Interrupts() as interrupts:
        interrupt()
        assert interrupts.count == 1
        with pytest.raises(BrokenOff), interrupts.breaking(at=2):
            interrupt()


def test_inside_a_shield_a_signal_waits_until_its_end() -> None:
    done: list[str] = []

    def work(interrupts: Interrupts) -> None:
        with interrupts.breaking(at=1):
            with interrupts.shielded():
                interrupt()
                done.append("inside")
            done.append("after")

    with Interrupts() as interrupts, pytest.raises(BrokenOff):
        work(interrupts)
    assert done == ["inside"]


def test_a_signal_raises_once_so_that_cleaning_up_is_not_broken_off_again() -> None:
    done: list[str] = []

    def work(interrupts: Interrupts) -> None:
        with interrupts.breaking(at=1):
            try:
                interrupt()
            finally:
                with interrupts.shielded():
                    pass
                done.append("cleaned")

    with Interrupts() as interrupts, pytest.raises(BrokenOff):
        work(interrupts)
    assert done == ["cleaned"]


def test_the_handlers_of_before_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
