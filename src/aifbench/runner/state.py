"""state = fold(events): what the journal says has been done, and what was under way when it ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aifbench.model.process import Handle
from aifbench.store.journal import Event

RunStatus = Literal["created", "running", "interrupted", "finished", "failed"]
TrialStatus = Literal["under-way", "finished", "failed", "interrupted"]


@dataclass(frozen=True)
class TrialState:
    status: TrialStatus
    attempts: int
    reason: str = ""

    @property
    def done(self) -> bool:
        """A failed trial is not repeated: its failure is a result."""
        return self.status in ("finished", "failed")


@dataclass(frozen=True)
class Failure:
    """Something that went wrong for good. `code` is the exit code of the error behind it."""

    what: str
    reason: str
    code: int


@dataclass(frozen=True)
class RunState:
    """`running` has the handle of every process that was started and not seen to end, by its number.

    `starting` has the names of processes that were about to be started when the journal ended.
    `to_clean` has the preparations that left data in a target that outlives the run.
    `evaluated` is when its samples were last evaluated: everything measured had ended by then.
    `checked` has what workloads found in the data of their preparations after the last trial.
    """

    status: RunStatus = "created"
    created: str = ""
    started: str = ""
    ended: str = ""
    evaluated: str = ""
    attempts: int = 0
    stages_done: frozenset[str] = frozenset()
    prepared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    to_clean: Mapping[str, str] = field(default_factory=dict)  # preparation → stage
    checked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    services_up: frozenset[str] = frozenset()
    trials: Mapping[str, TrialState] = field(default_factory=dict)
    starting: Mapping[int, str] = field(default_factory=dict)
    running: Mapping[int, Handle] = field(default_factory=dict)
    kept: frozenset[int] = frozenset()
    failures: tuple[Failure, ...] = ()
    problems: tuple[str, ...] = ()
    remedies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # point → its workers from now on
    no_remedy: Mapping[str, str] = field(default_factory=dict)  # trial → why its generator got no more workers

    @property
    def over(self) -> bool:
        return self.status in ("finished", "failed")

    def trial_done(self, trial: str) -> bool:
        return trial in self.trials and self.trials[trial].done

    def left_running(self) -> dict[int, Handle]:
        """What was started and neither seen to end nor kept on purpose."""
        return {number: handle for number, handle in self.running.items() if number not in self.kept}


def fold(events: Iterable[Event], state: RunState | None = None) -> RunState:
    """Events of unknown kinds change nothing."""
    found = state or RunState()
    for event in events:
        found = apply(found, event)
    return found


def apply(state: RunState, event: Event) -> RunState:
    family = event.kind.partition("-")[0]
    step = _STEPS.get(family)
    return step(state, event) if step is not None else state


def _run(state: RunState, event: Event) -> RunState:
    if event.kind == "run-created":
        return replace(state, created=event.t)
    if event.kind == "run-started":
        return replace(
            state, status="running", started=state.started or event.t, ended="", evaluated="",
            attempts=state.attempts + 1, services_up=frozenset(),
        )  # fmt: skip
    if event.kind == "run-reopened":
        return _reopened(state, frozenset(event.data["trials"]), frozenset(event.data["stages"]))
    if event.kind == "run-interrupted":
        return replace(state, status="interrupted", ended=event.t)
    if event.kind == "run-finished":
        status: RunStatus = "failed" if event.data.get("status") == "failed" else "finished"
        return replace(state, status=status, ended=event.t)
    return state


def _reopened(state: RunState, trials: frozenset[str], stages: frozenset[str]) -> RunState:
    """The failed trials are to be done again, with what failed for their sake."""
    again = {
        name: replace(now, status="interrupted", reason="") if name in trials else now
        for name, now in state.trials.items()
    }
    return replace(
        state, status="interrupted", ended="", trials=again, failures=(), stages_done=state.stages_done - stages
    )


def _result(state: RunState, event: Event) -> RunState:
    return replace(state, evaluated=event.t) if event.kind == "result-starting" else state


def _stage(state: RunState, event: Event) -> RunState:
    if event.kind == "stage-finished":
        return replace(state, stages_done=state.stages_done | {event.data["stage"]})
    return state


def _service(state: RunState, event: Event) -> RunState:
    name = event.data["service"]
    if event.kind == "service-ready":
        facts = event.data.get("facts", {})
        return replace(state, services={**state.services, name: facts}, services_up=state.services_up | {name})
    if event.kind == "service-kept":
        numbers = {number for number, handle in state.running.items() if number in event.data.get("processes", ())}
        return replace(state, kept=state.kept | numbers, services_up=state.services_up - {name})
    if event.kind == "service-stopped" and event.data.get("usage"):
        facts = {**state.services.get(name, {}), "usage": event.data["usage"]}
        state = replace(state, services={**state.services, name: facts})
    if event.kind in ("service-stopped", "service-failed", "service-died"):
        state = replace(state, services_up=state.services_up - {name})
    if event.kind in ("service-failed", "service-died"):
        state = _fail(state, f"service {name}", event)
    return state


def _preparation(state: RunState, event: Event) -> RunState:
    name = event.data["preparation"]
    if event.kind == "preparation-started":
        checked = {other: facts for other, facts in state.checked.items() if other != name}
        to_clean = {**state.to_clean, name: event.data["stage"]} if event.data.get("outlives") else state.to_clean
        return replace(state, checked=checked, to_clean=to_clean)
    if event.kind == "preparation-finished":
        return replace(state, prepared={**state.prepared, name: event.data.get("prepared", {})})
    if event.kind == "preparation-failed":
        return _fail(state, f"preparation {name}", event)
    if event.kind == "preparation-checked":
        return replace(state, checked={**state.checked, name: event.data.get("facts", {})})
    if event.kind == "preparation-cleaned":
        left = {other: stage for other, stage in state.to_clean.items() if other != name}
        return replace(state, to_clean=left)
    return state


def _trial(state: RunState, event: Event) -> RunState:
    name = event.data["trial"]
    before = state.trials.get(name, TrialState("under-way", 0))
    if event.kind == "trial-started":
        now = TrialState("under-way", before.attempts + 1)
    elif event.kind == "trial-finished":
        now = replace(before, status="finished")
    elif event.kind == "trial-failed":
        now = replace(before, status="failed", reason=reason_of(f"trial {name}", event))
        state = _fail(state, f"trial {name}", event)
    elif event.kind == "trial-interrupted":
        now = replace(before, status="interrupted", reason="interrupted")
    else:
        return state
    return replace(state, trials={**state.trials, name: now})


def _process(state: RunState, event: Event) -> RunState:
    if event.kind == "process-starting":
        return replace(state, starting={**state.starting, event.seq: event.data["name"]})
    number = event.data["process"]
    starting = {other: name for other, name in state.starting.items() if other != number}
    running = {other: handle for other, handle in state.running.items() if other != number}
    if event.kind == "process-started":
        handle = event.data["handle"]
        running[number] = Handle(handle["name"], handle["executor"], handle["record"])
    return replace(state, starting=starting, running=running)


def _problem(state: RunState, event: Event) -> RunState:
    return replace(state, problems=(*state.problems, str(event.data.get("text", ""))))


def reason_of(what: str, event: Event) -> str:
    """Why `what` (`service llm`) failed, without its own name before it."""
    text = str(event.data.get("reason") or "")
    for name in (what, what.partition(" ")[2]):
        text = text.removeprefix(f"{name}: ")
    return text


def _remedy(state: RunState, event: Event) -> RunState:
    data = event.data
    if data.get("why_not"):
        return replace(state, no_remedy={**state.no_remedy, data["trial"]: str(data["why_not"])})
    return replace(state, remedies={**state.remedies, data["point"]: data})


def _fail(state: RunState, what: str, event: Event) -> RunState:
    failure = Failure(what, reason_of(what, event), int(event.data.get("code", 1)))
    return replace(state, failures=(*state.failures, failure))


_STEPS = {
    "run": _run,
    "stage": _stage,
    "service": _service,
    "preparation": _preparation,
    "trial": _trial,
    "process": _process,
    "problem": _problem,
    "result": _result,
    "remedy": _remedy,
}
