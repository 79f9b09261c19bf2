from __future__ import annotations

from typing import Any

from aifbench.model.process import Handle
from aifbench.runner.state import RunState, fold
from aifbench.store.journal import Event


def state(*events: tuple[str, dict[str, Any]]) -> RunState:
    return fold(Event(f"t{seq}", seq, kind, data) for seq, (kind, data) in enumerate(events, 1))


def started(number: int) -> tuple[str, dict[str, Any]]:
    return "process-started", {"process": number, "handle": {"name": "p", "executor": "local", "record": {"pid": 7}}}


def test_a_process_is_starting_then_running_then_gone() -> None:
    begin: tuple[str, dict[str, Any]] = ("process-starting", {"name": "p"})
    assert state(begin).starting == {1: "p"}
    assert state(begin, started(1)).running == {1: Handle("p", "local", {"pid": 7})}
    assert state(begin, started(1)).starting == {}
    assert state(begin, started(1), ("process-ended", {"process": 1})).running == {}


def test_a_kept_service_is_running_but_not_left_over() -> None:
    found = state(
        ("process-starting", {"name": "p"}), started(1), ("service-kept", {"service": "llm", "processes": [1]})
    )
    assert list(found.running) == [1]
    assert found.left_running() == {}


def test_a_trial_begun_again_counts_its_attempts_and_is_done_when_it_finished_or_failed() -> None:
    begin: tuple[str, dict[str, Any]] = ("trial-started", {"trial": "a.t1"})
    found = state(begin, begin)
    assert (found.trials["a.t1"].attempts, found.trial_done("a.t1")) == (2, False)
    assert state(begin, ("trial-interrupted", {"trial": "a.t1"})).trial_done("a.t1") is False
    assert state(begin, ("trial-finished", {"trial": "a.t1"})).trial_done("a.t1")
    assert state(begin, ("trial-failed", {"trial": "a.t1", "reason": "x", "code": 6})).trial_done("a.t1")


def test_a_run_that_is_opened_again_has_its_failed_trials_undone_and_its_finished_ones_done() -> None:
    found = state(
        ("trial-finished", {"trial": "a.t1"}),
        ("trial-failed", {"trial": "a.t2", "reason": "x", "code": 6}),
        ("stage-finished", {"stage": "1"}),
        ("stage-finished", {"stage": "2"}),
        ("run-finished", {"status": "failed"}),
        ("run-reopened", {"trials": ["a.t2"], "stages": ["2"]}),
    )
    assert (found.trial_done("a.t1"), found.trial_done("a.t2")) == (True, False)
    assert (found.over, len(found.failures), sorted(found.stages_done)) == (False, 0, ["1"])


def test_failures_keep_their_reason_and_exit_code() -> None:
    found = state(("service-failed", {"service": "llm", "reason": "no memory", "code": 5}))
    assert [(one.what, one.reason, one.code) for one in found.failures] == [("service llm", "no memory", 5)]


def test_what_was_prepared_in_a_target_that_outlives_the_run_is_to_be_cleaned_until_it_is() -> None:
    begin: tuple[str, dict[str, Any]] = ("preparation-started", {"preparation": "d", "stage": "s", "outlives": True})
    assert state(begin).to_clean == {"d": "s"}
    assert state(begin, ("preparation-cleaned", {"preparation": "d"})).to_clean == {}


def test_what_a_check_found_is_of_the_data_that_was_prepared_last() -> None:
    facts = {"invariants": {"a = b": True}}
    checked: tuple[str, dict[str, Any]] = ("preparation-checked", {"preparation": "d", "facts": facts})
    again: tuple[str, dict[str, Any]] = ("preparation-started", {"preparation": "d", "stage": "s"})
    assert state(checked).checked == {"d": facts}
    assert state(checked, again).checked == {}


def test_events_of_a_kind_nobody_knows_change_nothing() -> None:
    known = state(("run-created", {}))
    assert fold([Event("t", 2, "moon-landed", {"x": 1}), Event("t", 3, "run-painted", {})], known) == known


def test_a_run_is_over_when_it_finished_or_failed_but_not_when_interrupted() -> None:
    assert state(("run-finished", {"status": "finished"})).over
    assert state(("run-finished", {"status": "failed"})).over
    assert not state(("run-interrupted", {})).over
    assert state(("run-interrupted", {}), ("run-started", {})).status == "running"
