"""The plan: everything a run will do, as data. Executing it needs neither the recipe nor the site file.

A plan has stages, done one after the other so that services of different stages never disturb each other's numbers.
A stage starts its services, does its preparations, does its trials in the given order, and stops its services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aifbench.model.load import Load

PLAN_SCHEMA = 1


@dataclass(frozen=True)
class PlannedService:
    """A service to start, or (without a process) to address."""

    name: str
    uses: str
    options: Mapping[str, Any]
    executor: str
    ready_timeout_s: float
    secrets: tuple[str, ...] = ()
    requires: Mapping[str, str] = field(default_factory=dict)  # distribution → version constraint, as declared
    cpus: tuple[int, ...] = ()  # the cores that it is pinned to; all when empty


@dataclass(frozen=True)
class Preparation:
    """Data that one or more load points need in one target: loaded once, outside every measured window.

    `options` are those of the first load point that needs it; the ones that the data depends on (`prepared_by`) are
    the same for all of them.
    """

    id: str
    workload: str
    uses: str
    target: str  # name of a PlannedService
    options: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class LoadPoint:
    """One setting of the load: what every trial of it repeats."""

    id: str
    workload: str
    uses: str
    target: str
    options: Mapping[str, Any]
    load: Load
    preparation: str
    slo: tuple[str, ...] = ()
    varied: Mapping[str, Any] = field(default_factory=dict)  # what sets it apart from its neighbours
    cpus: tuple[int, ...] = ()  # one core per worker; any when empty


@dataclass(frozen=True)
class Trial:
    """One repetition of a load point. The seed decides schedule and data, so it alone makes the trial repeatable."""

    id: str  # <point>.t<number>
    point: str
    number: int
    seed: int


@dataclass(frozen=True)
class Stage:
    id: str
    services: tuple[PlannedService, ...]
    preparations: tuple[Preparation, ...]
    points: tuple[LoadPoint, ...]
    trials: tuple[Trial, ...]  # in the order in which they are done


@dataclass(frozen=True)
class Estimate:
    """What the plan will take, at least: offered-load time without start-up, and operations where a rate fixes them."""

    load_s: float
    operations: int | None
    disk_bytes: int | None
    points: int
    trials: int


@dataclass(frozen=True)
class Plan:
    schema: int
    name: str
    site: str
    executor: str
    seed: int
    recipe_hash: str
    stages: tuple[Stage, ...]
    estimate: Estimate
    labels: Mapping[str, str] = field(default_factory=dict)

    def points(self) -> tuple[LoadPoint, ...]:
        return tuple(point for stage in self.stages for point in stage.points)

    def trials(self) -> tuple[Trial, ...]:
        return tuple(trial for stage in self.stages for trial in stage.trials)

    def point(self, point_id: str) -> LoadPoint:
        return next(point for point in self.points() if point.id == point_id)
