from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aifbench.errors import ExitCode, StoreError
from aifbench.executors.fake import Behaviour, FakeExecutor, FakeMachine
from aifbench.model.result import RunResult
from aifbench.runner.detach import own_folders
from aifbench.runner.outcome import Outcome
from aifbench.runner.recorder import News, Said, Tick
from aifbench.runner.run import resume, start
from aifbench.runner.state import fold
from aifbench.store.folder import RunFolder
from aifbench.store.journal import Event, Journal
from aifbench.store.summary import read_summary
from tests.runner.world import FakeSteps, driving, new_machine
from tests.store.plans import small_plan
from tests.store.test_files import forbid_writing, in_child


def run(tmp_path: Path, machine: FakeMachine, *, steps: FakeSteps | None = None, stages: int = 1) -> Outcome:
    return start(small_plan(stages=stages), "", "", tmp_path / "runs", driving(machine, tmp_path, steps=steps))


def kinds(folder: RunFolder, prefix: str = "") -> list[str]:
    return [event.kind for event in folder.read_journal().events if event.kind.startswith(prefix)]


def data(folder: RunFolder, kind: str) -> list[dict[str, object]]:
    return [dict(event.data) for event in folder.read_journal().events if event.kind == kind]


def test_a_run_does_all_trials_in_order_and_leaves_nothing_running(tmp_path: Path) -> None:
    machine = new_machine()
    outcome = run(tmp_path, machine, stages=2)
    assert outcome.exit_code == ExitCode.GOOD
    done = [event["trial"] for event in data(outcome.folder, "trial-finished")]
    assert done == ["work1.t1", "work1.t2", "work2.t1", "work2.t2"]
    assert machine.running() == []
    assert kinds(outcome.folder)[-1] == "run-finished"


def test_services_of_different_stages_never_run_together(tmp_path: Path) -> None:
    machine = new_machine()
    outcome = run(tmp_path, machine, stages=2)
    order = [
        (event.kind, event.data["service"])
        for event in outcome.folder.read_journal().events
        if event.kind in ("service-starting", "service-stopped")
    ]
    assert order == [
        ("service-starting", "service1"), ("service-stopped", "service1"),
        ("service-starting", "service2"), ("service-stopped", "service2"),
    ]  # fmt: skip


def test_every_start_is_written_down_before_it_is_done_and_every_end_after(tmp_path: Path) -> None:
    outcome = run(tmp_path, new_machine())
    starting = kinds(outcome.folder, "process-starting")
    assert len(starting) == len(kinds(outcome.folder, "process-started")) == len(kinds(outcome.folder, "process-ended"))
    assert len(starting) == 1 + 1 + 2 * 2 + 1


def test_results_are_stored_and_the_callback_gets_them_before_the_run_is_over(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def finish(folder: RunFolder, result: RunResult) -> None:
        seen.append((json.loads(folder.result.read_text())["name"], fold(folder.read_journal().events).status))

    given = replace(driving(new_machine(), tmp_path), finish=finish)
    outcome = start(small_plan(), "", "", tmp_path / "runs", given)
    assert seen == [("small", "running")]
    metrics = json.loads(outcome.folder.metrics.read_text())
    assert metrics["points"][0]["trials"][0]["metrics"]["throughput"]["value"] == 221.0


def test_whoever_watches_gets_every_event_and_ticks_of_progress(tmp_path: Path) -> None:
    news: list[News] = []
    outcome = start(small_plan(), "", "", tmp_path, driving(new_machine(), tmp_path, observer=news.append))
    events = [one for one in news if isinstance(one, Event)]
    assert [event.kind for event in events] == kinds(outcome.folder)[1:]  # all but run-created
    assert {one.trial for one in news if isinstance(one, Tick)} == {"work1.t1", "work1.t2"}


def test_whoever_watches_is_told_why_a_service_is_not_ready_yet(tmp_path: Path) -> None:
    news: list[News] = []
    start(small_plan(), "", "", tmp_path, driving(new_machine(), tmp_path, observer=news.append))
    order = [one.text if isinstance(one, Said) else one.kind for one in news if isinstance(one, Said | Event)]
    said = order.index("service1: waiting, last answer: connection refused")
    assert order.index("service-starting") < said < order.index("service-ready")


def test_a_watcher_whose_terminal_is_gone_does_not_end_the_run(tmp_path: Path) -> None:
    def observer(_: News) -> None:
        raise BrokenPipeError

    given = driving(new_machine(), tmp_path, observer=observer)
    assert start(small_plan(), "", "", tmp_path, given).exit_code == ExitCode.GOOD


def test_a_service_that_fails_to_start_fails_its_trials_and_the_other_stage_goes_on(tmp_path: Path) -> None:
    machine = new_machine({"service1": Behaviour(runs_s=0.5, exit_code=3)})
    outcome = run(tmp_path, machine, stages=2)
    assert outcome.exit_code == ExitCode.SERVICE
    assert [event["trial"] for event in data(outcome.folder, "trial-failed")] == ["work1.t1", "work1.t2"]
    assert [event["trial"] for event in data(outcome.folder, "trial-finished")] == ["work2.t1", "work2.t2"]
    assert "died while starting (exit code 3)" in outcome.failures[0].reason
    assert outcome.status == "failed"
    assert machine.running() == []


@pytest.mark.parametrize("fault", ["never_ready", "not_to_be_stopped"])
def test_a_service_that_failed_is_gone_before_the_next_stage_begins(tmp_path: Path, fault: str) -> None:
    """Neither the deployment's failed start nor its failed stop may leave it behind."""
    machine = new_machine()
    steps = FakeSteps(machine)
    getattr(steps, fault).add("service1")
    beside: list[str] = []

    def observer(news: News) -> None:
        if isinstance(news, Event) and news.kind == "service-starting" and news.data["service"] == "service2":
            beside.extend(process.spec.name for process in machine.running())

    given = driving(machine, tmp_path, steps=steps, observer=observer)
    outcome = start(small_plan(stages=2), "", "", tmp_path / "runs", given)
    assert beside == []
    assert [event["trial"] for event in data(outcome.folder, "trial-finished")][-2:] == ["work2.t1", "work2.t2"]


def test_a_service_that_never_got_ready_is_stopped_before_the_stage_goes_on(tmp_path: Path) -> None:
    machine = new_machine()
    steps = FakeSteps(machine)
    steps.never_ready = {"service1"}
    kinds_seen = kinds(run(tmp_path, machine, steps=steps).folder)
    assert kinds_seen.index("process-ended") < kinds_seen.index("service-failed")


def test_a_service_that_dies_in_the_middle_of_a_load_point_is_named_and_samples_stay(tmp_path: Path) -> None:
    machine = new_machine({"service1": Behaviour(runs_s=2.6, exit_code=9)})
    outcome = run(tmp_path, machine)
    assert outcome.exit_code == ExitCode.SERVICE
    assert [event["reason"] for event in data(outcome.folder, "trial-failed")] == [
        "service service1 died (exit code 9)", "service service1 died (exit code 9)",
    ]  # fmt: skip
    assert len(list(outcome.folder.samples("work1", 1).iterdir())) == 2
    assert len(data(outcome.folder, "service-died")) == 1
    assert machine.running() == []


def test_what_a_run_left_in_a_target_that_outlives_it_is_cleaned_up(tmp_path: Path) -> None:
    machine = new_machine()
    steps = FakeSteps(machine)
    steps.external = {"service1"}
    outcome = run(tmp_path, machine, steps=steps)
    assert outcome.exit_code == ExitCode.GOOD
    assert len(machine.named("cleanup-data1")) == 1
    assert machine.named("service1") == []


def test_the_data_is_checked_once_between_the_last_trial_and_the_end_of_its_service(tmp_path: Path) -> None:
    """Also where the run itself stops the service, so that there is nothing to clean up."""
    outcome = run(tmp_path, new_machine())
    order = kinds(outcome.folder)
    assert order.count("preparation-checked") == 1
    last_trial = [event.seq for event in outcome.folder.read_journal().events if event.kind == "trial-started"][-1]
    assert last_trial < order.index("preparation-checked") < order.index("service-stopping")
    assert outcome.result is not None
    assert outcome.result.checks == {"data1": {"invariants": {"no row is lost": True}}}


def test_a_check_that_cannot_be_done_is_a_problem_and_the_trial_counts(tmp_path: Path) -> None:
    machine = new_machine()
    steps = FakeSteps(machine)
    steps.check_fails = True
    outcome = run(tmp_path, machine, steps=steps)
    assert outcome.exit_code == ExitCode.GOOD
    assert outcome.problems == ("the data of data1 could not be checked after the load: data1: the server is silent",)
    assert len(data(outcome.folder, "trial-finished")) == 2


def test_the_data_of_a_service_that_died_is_not_checked(tmp_path: Path) -> None:
    machine = new_machine({"service1": Behaviour(runs_s=3.6, exit_code=9)})
    outcome = run(tmp_path, machine)
    assert machine.named("check-data1") == []
    assert kinds(outcome.folder, "preparation-check") == []


def test_a_run_resumed_after_its_last_load_checks_the_data_too(tmp_path: Path) -> None:
    """Its trial is done again, with data of its own: what the killed controller's services held is gone."""
    folder = _stopped_after(tmp_path, lambda event: event.kind == "preparation-checking")
    machine = new_machine()
    outcome = resume(folder, driving(machine, tmp_path))
    assert len(machine.named("check-data1")) == 1
    assert [event["trial"] for event in data(folder, "trial-finished")] == ["work1.t1", "work1.t2"]
    assert outcome.result is not None
    assert outcome.result.checks == {"data1": {"invariants": {"no row is lost": True}}}


def test_services_that_are_to_be_kept_stay_up_and_only_those(tmp_path: Path) -> None:
    machine = new_machine()
    outcome = start(small_plan(), "", "", tmp_path, driving(machine, tmp_path, keep_services=True))
    assert [process.spec.name for process in machine.running()] == ["service1"]
    assert len(data(outcome.folder, "service-kept")) == 1
    assert fold(outcome.folder.read_journal().events).left_running() == {}


def test_a_detached_controller_means_the_same_folders_although_it_works_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = own_folders({"AIFBENCH_HOME": "home", "AIFBENCH_RUNS": "/runs", "HOME": "x"})
    assert made == {"AIFBENCH_HOME": f"{tmp_path}/home", "AIFBENCH_RUNS": "/runs"}


def test_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    machine = new_machine()
    folder = run(tmp_path, machine).folder
    before = folder.events.read_bytes()
    outcome = resume(folder, driving(machine, tmp_path))
    assert (outcome.already, outcome.exit_code) == (True, ExitCode.GOOD)
    assert folder.events.read_bytes() == before


def test_a_folder_that_is_no_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a run folder of aifbench"):
        resume(RunFolder(tmp_path), driving(new_machine(), tmp_path))


def test_a_run_in_work_is_refused_to_a_second_controller_which_changes_nothing(tmp_path: Path) -> None:
    machine = new_machine()
    said: list[str] = []

    def second(_: str) -> None:
        folder = RunFolder(next(path for path in (tmp_path / "runs").iterdir()))
        with pytest.raises(StoreError) as caught:
            resume(folder, driving(new_machine(), tmp_path))
        said.append(str(caught.value))

    outcome = run(tmp_path, machine, steps=FakeSteps(machine, second))
    assert "already being worked on by process" in said[0]
    assert outcome.exit_code == ExitCode.GOOD


def test_a_service_that_is_started_again_begins_without_data_but_keeps_its_logs(tmp_path: Path) -> None:
    folder = _stopped_after(tmp_path, lambda event: event.kind == "service-ready")
    for name in ("out", "data", "endpoint.json"):
        (folder.service("service1") / name).write_text("first")
    machine = new_machine()
    resume(folder, driving(machine, tmp_path))
    assert (folder.service("service1") / "out").read_text() == "first"
    assert not (folder.service("service1") / "data").exists()


def _stopped_after(tmp_path: Path, fits: Callable[[Event], bool]) -> RunFolder:
    """A run folder as a controller leaves it that was killed right after the event."""
    done = run(tmp_path, new_machine()).folder
    events = done.read_journal().events
    number = next(event.seq for event in events if fits(event))
    done.events.write_bytes(b"".join(event.line() for event in events[:number]))
    return done


def test_a_journal_with_a_half_written_last_line_is_reported_and_gone_on_with(tmp_path: Path) -> None:
    folder = _stopped_after(tmp_path, lambda event: event.kind == "trial-finished")
    with folder.events.open("ab") as stream:
        stream.write(b'{"t": "2026-11-2')
    outcome = resume(folder, driving(new_machine(), tmp_path))
    assert outcome.exit_code == ExitCode.GOOD
    assert any("the last line is cut short" in problem for problem in outcome.problems)
    assert folder.read_journal().problems == ()
    assert [event["trial"] for event in data(folder, "trial-finished")] == ["work1.t1", "work1.t2"]


def test_a_full_disk_ends_the_run_with_nothing_running_and_it_can_go_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = new_machine()
    append = Journal.append

    def full(journal: Journal, kind: str, **more: object) -> Event:
        if kind == "trial-finished" or full_now:
            full_now.append(True)
            raise StoreError("cannot write: no space left on the disk")
        return append(journal, kind, **more)

    full_now: list[bool] = []
    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(StoreError, match="no space left"):
        run(tmp_path, machine)
    assert machine.running() == []
    monkeypatch.undo()
    folder = RunFolder(next((tmp_path / "runs").iterdir()))
    assert resume(folder, driving(new_machine(), tmp_path)).exit_code == ExitCode.GOOD


def test_a_run_folder_that_may_not_be_written_is_refused_with_its_name(tmp_path: Path) -> None:
    folder = _stopped_after(tmp_path, lambda event: event.kind == "trial-finished")
    before = folder.events.read_bytes()
    forbid_writing(folder.path)
    folder.lock.chmod(0o444)
    text = in_child(lambda: _resume(folder), uid=65534)
    assert f"{folder.lock}: cannot lock: permission denied" in text
    assert folder.events.read_bytes() == before


def _resume(folder: RunFolder) -> None:
    resume(folder, driving(new_machine(), folder.path))


def test_an_index_that_cannot_be_written_is_a_problem_not_a_failure(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    outcome = start(small_plan(), "", "", tmp_path / "runs", driving(new_machine(), tmp_path / "home"))
    assert outcome.exit_code == ExitCode.GOOD
    assert "not in the index" in outcome.problems[0]


def test_provenance_of_the_start_is_kept_on_resume(tmp_path: Path) -> None:
    folder = _stopped_after(tmp_path, lambda event: event.kind == "trial-started")
    before = folder.environment.read_bytes()
    resume(folder, driving(new_machine(), tmp_path))
    assert folder.environment.read_bytes() == before


def test_a_run_folder_can_be_moved_and_resumed_elsewhere(tmp_path: Path) -> None:
    folder = _stopped_after(tmp_path, lambda event: event.kind == "trial-finished")
    moved = RunFolder(tmp_path / "elsewhere" / folder.id)
    shutil.move(folder.path, moved.path)
    machine = new_machine()
    assert resume(moved, driving(machine, tmp_path, executor=FakeExecutor(machine))).exit_code == ExitCode.GOOD


def test_a_run_that_failed_is_over_with_its_own_exit_code(tmp_path: Path) -> None:
    machine = new_machine()
    steps = FakeSteps(machine)
    steps.never_ready.add("service1")
    folder = run(tmp_path, machine, steps=steps).folder
    outcome = resume(folder, driving(machine, tmp_path))
    assert (outcome.already, outcome.status, outcome.exit_code) == (True, "failed", ExitCode.SERVICE)


def test_what_failed_is_done_again_when_asked_and_what_finished_is_not(tmp_path: Path) -> None:
    machine = new_machine()
    steps = FakeSteps(machine)
    steps.never_ready.add("service2")
    folder = run(tmp_path, machine, steps=steps, stages=2).folder
    assert (read_summary(folder).trials_finished, read_summary(folder).trials_failed) == (2, 2)
    outcome = resume(folder, replace(driving(machine, tmp_path), retry_failed=True))
    assert (outcome.status, outcome.exit_code) == ("finished", ExitCode.GOOD)
    done = [event["trial"] for event in data(folder, "trial-finished")]
    assert done == ["work1.t1", "work1.t2", "work2.t1", "work2.t2"]
    summary = read_summary(folder)
    assert (summary.status, summary.trials_finished, summary.trials_failed) == ("finished", 4, 0)


def test_a_result_ends_when_its_evaluation_began_however_often_it_is_made(tmp_path: Path) -> None:
    folder = run(tmp_path, new_machine()).folder
    events = folder.read_journal().events
    assert fold(events).evaluated == next(event.t for event in events if event.kind == "result-starting")
