"""Which services a workload needs, in which variants, and how they are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aifbench.model.options import secret_names
from aifbench.model.plan import PlannedService
from aifbench.plan.settings import Indices, chosen, combinations, options_of, varied
from aifbench.recipe.checker import EXTERNAL
from aifbench.recipe.keys import ServiceKeys
from aifbench.recipe.resolved import Recipe, ServiceEntry, WorkloadEntry
from aifbench.recipe.site import Site
from aifbench.recipe.vocabulary import Vocabulary


@dataclass(frozen=True)
class Deployment:
    """Services that are up at the same time. `by_name` maps the recipe's name to the one that was planned."""

    by_name: Mapping[str, PlannedService]
    varied: Mapping[str, Any]


def entries(recipe: Recipe, workload: WorkloadEntry) -> list[ServiceEntry]:
    """The services that the workload is aimed at, in the recipe's order; an address becomes an external service."""
    if workload.address is not None:
        timeout = ServiceKeys.model_fields["ready_timeout"].default
        return [ServiceEntry(workload.targets[0], EXTERNAL, timeout, workload.address)]
    return [entry for name, entry in recipe.services.items() if name in workload.targets]


def deployments(
    services: Sequence[ServiceEntry], site: Site, vocabulary: Vocabulary, here: str = ""
) -> Iterator[Deployment]:
    """One for each combination of the services' variants; the first service's variants change slowest.

    A service with variants is named `<name>.<variant>`, counted from 1 over its own combinations.
    """
    made: dict[tuple[str, Indices], PlannedService] = {}
    numbers = {entry.name: {one: k for k, one in enumerate(combinations(entry.axes), 1)} for entry in services}
    axes = [axis for entry in services for axis in entry.axes]
    for indices in combinations(axes):
        by_name: dict[str, PlannedService] = {}
        different: dict[str, Any] = {}
        start = 0
        for entry in services:
            own = indices[start : start + len(entry.axes)]
            start += len(entry.axes)
            several = len(numbers[entry.name]) > 1
            name = f"{entry.name}.{numbers[entry.name][own]}" if several else entry.name
            if (name, own) not in made:
                made[name, own] = _planned(entry, name, own, site, vocabulary, here)
            by_name[entry.name] = made[name, own]
            different |= varied(entry.axes, own, f"services.{entry.name}.")
        yield Deployment(by_name, different)


def _planned(
    entry: ServiceEntry, name: str, indices: Indices, site: Site, vocabulary: Vocabulary, here: str
) -> PlannedService:
    kind = vocabulary.service(entry.uses)
    options = options_of(kind.recipe_keys, chosen(entry.options, entry.axes, indices), here)
    return PlannedService(
        name=name,
        uses=entry.uses,
        options=options,
        executor=site.executor,
        ready_timeout_s=entry.ready_timeout_s,
        secrets=tuple(secret_names(options)),
        requires=dict(kind.requires),
    )
