"""Recipe + site → Plan. Pure: the same input gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import prod
from typing import Any

from aifbench.errors import Problem, RecipeError
from aifbench.model.codec import content_hash
from aifbench.model.plan import PLAN_SCHEMA, LoadPoint, Plan, PlannedService, Preparation, Stage
from aifbench.plan.cores import share
from aifbench.plan.estimate import estimate
from aifbench.plan.order import interleave
from aifbench.plan.placing import Deployment, deployments, entries
from aifbench.plan.seeds import derive
from aifbench.plan.settings import Setting, Settings
from aifbench.recipe.resolved import Recipe, WorkloadEntry
from aifbench.recipe.site import Site
from aifbench.recipe.vocabulary import Vocabulary, offered

MAX_POINTS = 10_000
MAX_TRIALS = 100_000
_SHOWN_PROBLEMS = 20


def make(recipe: Recipe, site: Site, vocabulary: Vocabulary, here: str = "") -> Plan:
    """The whole plan; raises RecipeError for a sweep above the limits and for values that do not go together.

    Relative paths in options count from the folder `here`; they stay relative when it is empty.
    """
    _refuse_huge(recipe)
    planner = _Planner(recipe, vocabulary, here)
    stages = [
        planner.stage(f"stage-{number}", deployment, group)
        for number, (deployment, group) in enumerate(planner.deployed(site), 1)
    ]
    stages = [share(stage, site.cpus) for stage in stages]
    points = [point for stage in stages for point in stage.points]
    return Plan(
        schema=PLAN_SCHEMA,
        name=recipe.name,
        site=site.name,
        executor=site.executor,
        seed=recipe.seed,
        recipe_hash=content_hash(recipe.document.data),
        stages=tuple(stages),
        estimate=estimate(points, planner.trials, planner.data_bytes),
        labels=dict(recipe.labels),
    )


def _refuse_huge(recipe: Recipe) -> None:
    points = trials = 0
    widest = ("", 0)
    for workload in recipe.workloads.values():
        axes = [*workload.axes, *(axis for entry in entries(recipe, workload) for axis in entry.axes)]
        count = prod(len(axis.values) for axis in axes) * max(1, len(workload.targets))
        points += count
        trials += count * workload.trials
        widest = max(widest, (workload.name, count), key=lambda one: one[1])
    for what, count, limit in (("load points", points, MAX_POINTS), ("trials", trials, MAX_TRIALS)):
        if count > limit:
            message = f"the recipe makes {count:,} {what}, more than the {limit:,} of one run"
            hint = "shorten the lists and matrices, or make several recipes"
            raise RecipeError([recipe.document.problem(("workloads", widest[0]), message, hint=hint, at_key=True)])


@dataclass
class _Planner:
    recipe: Recipe
    vocabulary: Vocabulary
    here: str = ""
    data_bytes: int = 0
    trials: dict[str, int] = field(default_factory=dict)  # per point
    seeds: dict[tuple[str, int], int] = field(default_factory=dict)
    settings: dict[str, list[Setting]] = field(default_factory=dict)
    offered: dict[str, int] = field(default_factory=dict)  # settings given numbers so far, per workload
    prepared: dict[str, int] = field(default_factory=dict)  # preparations made so far, per workload

    def deployed(self, site: Site) -> Iterator[tuple[Deployment, list[WorkloadEntry]]]:
        """Consecutive workloads with the same services share a deployment."""
        self.resolve()
        grouped = groupby(self.recipe.workloads.values(), key=lambda one: frozenset(one.targets))
        for _, members in grouped:
            group = list(members)
            for deployment in deployments(entries(self.recipe, group[0]), site, self.vocabulary, self.here):
                yield deployment, group

    def resolve(self) -> None:
        problems: list[Problem] = []
        for name, workload in self.recipe.workloads.items():
            settings = Settings(workload, self.recipe.document, self.vocabulary, self.here)
            self.settings[name] = list(settings.all())
            problems += settings.problems
        if problems:
            unique = list(dict.fromkeys(problems))
            more = len(unique) - _SHOWN_PROBLEMS
            further = [Problem(f"and {more:,} more of this kind", file=self.recipe.document.file)] if more > 0 else []
            raise RecipeError([*unique[:_SHOWN_PROBLEMS], *further])

    def stage(self, stage_id: str, deployment: Deployment, group: Sequence[WorkloadEntry]) -> Stage:
        points: list[LoadPoint] = []
        preparations: dict[tuple[str, str, str], Preparation] = {}
        for workload in group:
            points += self.points(workload, deployment, preparations)
        trials = interleave(points, self.trials, self.seeds)
        services = tuple(deployment.by_name.values())
        return Stage(stage_id, services, tuple(preparations.values()), tuple(points), tuple(trials))

    def points(
        self, workload: WorkloadEntry, deployment: Deployment, preparations: dict[tuple[str, str, str], Preparation]
    ) -> Iterator[LoadPoint]:
        settings = self.settings[workload.name]
        numbered = len(settings) > 1 or bool(deployment.varied)
        several = len(workload.targets) > 1
        for setting in settings:
            number = self.offered[workload.name] = self.offered.get(workload.name, 0) + 1
            base = f"{workload.name}.{number}" if numbered else workload.name
            for name in workload.targets or ("",):
                service = deployment.by_name[name] if name else None
                target = service.name if service else ""
                point_id = f"{base}.{name}" if several else base
                self.trials[point_id] = workload.trials
                for trial in range(1, workload.trials + 1):
                    self.seeds[point_id, trial] = derive(self.recipe.seed, f"{base}.t{trial}")
                yield LoadPoint(
                    id=point_id,
                    workload=workload.name,
                    uses=workload.uses,
                    target=target,
                    options=setting.options,
                    load=setting.load,
                    preparation=self.preparation(workload, service, setting, preparations),
                    slo=workload.slo,
                    varied={**deployment.varied, **setting.varied, **({"target": name} if several else {})},
                )

    def preparation(
        self,
        workload: WorkloadEntry,
        service: PlannedService | None,
        setting: Setting,
        known: dict[tuple[str, str, str], Preparation],
    ) -> str:
        """The id of the preparation that the setting needs; made when no earlier setting of the stage needed it."""
        target = service.name if service else ""
        wanted = self.vocabulary.workload(workload.uses).prepared_by
        deciding: dict[str, Any] = {name: setting.options[name] for name in wanted if name in setting.options}
        text = json.dumps(deciding, sort_keys=True)
        key = (workload.name, target, text + json.dumps(self.further(workload, service, setting), sort_keys=True))
        if key not in known:
            number = self.prepared[workload.name] = self.prepared.get(workload.name, 0) + 1
            self.data_bytes += self.vocabulary.estimate_bytes(workload.uses, setting.options)
            known[key] = Preparation(
                id=f"{workload.name}-data.{number}",
                workload=workload.name,
                uses=workload.uses,
                target=target,
                options=setting.options,
                seed=derive(self.recipe.seed, f"{workload.name}/data/{text}"),
            )
        return known[key].id

    def further(self, workload: WorkloadEntry, service: PlannedService | None, setting: Setting) -> dict[str, Any]:
        """Options that decide the prepared data in this kind of target only; they do not enter the seed of the data."""
        by_protocol = getattr(self.vocabulary.workload(workload.uses), "prepared_also_by", {})
        if not by_protocol or service is None:
            return {}
        protocols = offered(self.vocabulary.service(service.uses), service.options)
        names = {name for protocol in protocols for name in by_protocol.get(protocol, ())}
        return {name: setting.options[name] for name in sorted(names) if name in setting.options}
