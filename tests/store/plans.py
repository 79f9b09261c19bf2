"""A small plan as the planner makes them, for tests of what is done with plans."""

from __future__ import annotations

from aifbench.model.load import Load
from aifbench.model.plan import PLAN_SCHEMA, Estimate, LoadPoint, Plan, PlannedService, Preparation, Stage, Trial


def small_plan(name: str = "small", *, stages: int = 1, trials: int = 2, executor: str = "fake") -> Plan:
    """One service, one preparation and one load point per stage."""
    return Plan(
        schema=PLAN_SCHEMA,
        name=name,
        site="local",
        executor=executor,
        seed=1,
        recipe_hash="sha256:0",
        stages=tuple(_stage(number, trials, executor) for number in range(1, stages + 1)),
        estimate=Estimate(load_s=1.0, operations=10, disk_bytes=None, points=stages, trials=stages * trials),
    )


def _stage(number: int, trials: int, executor: str) -> Stage:
    service, point = f"service{number}", f"work{number}"
    load = Load(arrival="constant", rate_per_s=10, duration_s=1)
    return Stage(
        id=f"stage{number}",
        services=(PlannedService(service, "command", {"command": "true"}, executor, 5.0),),
        preparations=(Preparation(f"data{number}", point, "command", service, {}, 1),),
        points=(LoadPoint(point, point, "command", service, {}, load, f"data{number}"),),
        trials=tuple(Trial(f"{point}.t{trial}", point, trial, trial) for trial in range(1, trials + 1)),
    )
