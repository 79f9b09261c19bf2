"""More workers where a trial shows that the generator was its limit and cores are free; never another load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aifbench.cli.story import line
from aifbench.executors.base import Executor
from aifbench.executors.fake import FakeMachine
from aifbench.load.job import TrialJob
from aifbench.load.trial import TrialControl, TrialOutcome
from aifbench.model.load import Load
from aifbench.model.plan import LoadPoint, Plan, PlannedService, Stage
from aifbench.runner.remedy import decide, free_cores
from aifbench.runner.run import resume, start
from tests.runner.world import FakeSteps, driving, new_machine
from tests.store.plans import small_plan

LOAD = Load("poisson", duration_s=10.0, rate_per_s=100.0)
REPORT = {
    "started": 1000, "late_with_free_slot": 0, "cpu_s": 2.0, "window_wall_s": 10.0, "run_delay_s": 0.1,
    "run_turns": 1000,
}  # fmt: skip
LATE: dict[str, Any] = {**REPORT, "late_with_free_slot": 200}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"late_with_free_slot": 200},
            "200 of 1000 starts were over 1 ms late with a free slot, 20.0 % (limit 10.0 %)",
        ),
        ({"cpu_s": 9.0}, "the busiest worker used 90.0 % of a core (limit 80.0 %)"),
        (
            {"run_delay_s": 3.1},
            "the generator waited 30.0 % of the time for its core, 3.10 ms at a time (limit 10.0 %)",
        ),
    ],
)
def test_what_shows_the_generators_limit_doubles_the_workers(change: dict[str, Any], text: str) -> None:
    found = decide(LOAD, (7,), [{**REPORT, **change}], free=(4, 5, 6))
    assert found is not None
    assert (found.seen, found.workers, found.cpus, found.why_not) == (text, 2, (7, 4), "")


def test_a_generator_with_head_room_is_left_alone() -> None:
    assert decide(LOAD, (7,), [REPORT], free=(4,)) is None


def test_a_number_of_workers_that_the_recipe_names_is_never_changed() -> None:
    assert decide(replace(LOAD, workers_fixed=True), (7,), [LATE], free=(4,)) is None


def test_a_worker_that_does_the_work_itself_gets_no_companions() -> None:
    blocking = {key: value for key, value in LATE.items() if not key.startswith("run_")}
    assert decide(LOAD, (7,), [blocking], free=(4,)) is None


def test_without_a_free_core_it_says_so() -> None:
    found = decide(LOAD, (7,), [LATE], free=())
    assert found is not None
    assert (found.workers, found.why_not) == (1, "no core is free for another worker")


@pytest.mark.parametrize(
    "load", [Load("closed", 10.0, concurrency=3, workers=2), replace(LOAD, max_in_flight=3, workers=2)]
)
def test_there_are_never_more_workers_than_users_or_slots(load: Load) -> None:
    """With more, each would still have one: the offered load would be another."""
    found = decide(load, (6, 7), [LATE], free=(3, 4, 5))
    assert found is not None
    assert found.workers == 3


def stage(*, cpus: tuple[int, ...] = (0, 1, 2)) -> Stage:
    services = tuple(PlannedService(name, "command", {}, "local", 5.0, cpus=cpus) for name in ("web", "far"))
    points = tuple(LoadPoint(f"p{n}", "w", "http", "web", {}, LOAD, "", cpus=(3, 4, 5, 6)[-n:]) for n in (1, 4))
    return Stage("stage-1", services, (), points, ())


@pytest.mark.parametrize(
    ("used", "without_process", "free"),
    [
        ((6,), (), (3, 4, 5)),
        ((3, 4, 5, 6), (), ()),
        ((6,), ("far",), (3, 4, 5)),
        ((6,), ("web", "far"), (1, 2, 3, 4, 5)),
    ],
)
def test_cores_of_services_with_processes_are_never_free(
    used: tuple[int, ...], without_process: tuple[str, ...], free: tuple[int, ...]
) -> None:
    assert free_cores(stage(), used, without_process) == free


def test_where_nothing_is_pinned_no_core_is_known_to_be_free() -> None:
    unpinned = stage(cpus=())
    points = tuple(replace(point, cpus=()) for point in unpinned.points)
    assert free_cores(replace(unpinned, points=points), (), ("web", "far")) == ()


class Limited(FakeSteps):
    """Every trial shows the generator's limit; `done` has the workers and cores of each."""

    def __init__(self, machine: FakeMachine) -> None:
        super().__init__(machine)
        self.done: list[tuple[str, int, tuple[int, ...]]] = []

    def trial(self, job: TrialJob, executor: Executor, hooks: TrialControl, secrets: Sequence[str]) -> TrialOutcome:
        self.done.append((job.trial, job.load.workers, job.cpus))
        return replace(super().trial(job, executor, hooks, secrets), reports=(LATE,))


def plan_with_cores(free: tuple[int, ...]) -> Plan:
    """Three trials on core 9; another load point has the free ones."""
    plan = small_plan(trials=3)
    stage = plan.stages[0]
    point = replace(stage.points[0], cpus=(9,))
    return replace(plan, stages=(replace(stage, points=(point, replace(point, id="other", cpus=free))),))


def test_the_following_trials_get_more_workers_and_the_same_load(tmp_path: Path) -> None:
    machine = new_machine()
    steps = Limited(machine)
    outcome = start(plan_with_cores((7, 8, 9)), "", "", tmp_path / "runs", driving(machine, tmp_path, steps=steps))
    assert steps.done == [("work1.t1", 1, (9,)), ("work1.t2", 2, (9, 7)), ("work1.t3", 3, (9, 7, 8))]
    told = [event for event in outcome.folder.read_journal().events if event.kind == "remedy"]
    assert [(event.data["trial"], event.data["before"], event.data["workers"]) for event in told] == [
        ("work1.t1", 1, 2), ("work1.t2", 2, 3), ("work1.t3", 3, 3),
    ]  # fmt: skip
    assert line(told[0]).startswith("remedy: work1 goes on with 2 workers instead of 1; the limit of work1.t1 was")
    assert line(told[2]).endswith("no core is free for another worker")
    assert outcome.folder.read_plan().point("work1").load.workers == 1


def test_a_resumed_run_goes_on_with_the_workers_that_the_journal_names(tmp_path: Path) -> None:
    machine = new_machine()
    whole = start(
        plan_with_cores((8, 9)), "", "", tmp_path / "runs", driving(machine, tmp_path, steps=Limited(machine))
    ).folder
    lines = whole.events.read_text().splitlines(keepends=True)
    until = next(n for n, text in enumerate(lines) if '"remedy"' in text)
    whole.events.write_text("".join(lines[: until + 1]))
    steps = Limited(machine)
    resume(whole, driving(machine, tmp_path, steps=steps))
    assert steps.done == [("work1.t2", 2, (9, 8)), ("work1.t3", 2, (9, 8))]
