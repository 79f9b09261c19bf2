"""A recipe that has been checked: what `plan` works on. Values are still as the user wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aifbench.recipe.document import Document
from aifbench.recipe.sweep import Axis


@dataclass(frozen=True)
class ServiceEntry:
    """`options` are the service's own keys; `axes` are relative to them."""

    name: str
    uses: str
    ready_timeout_s: float
    options: Mapping[str, Any]
    axes: tuple[Axis, ...] = ()


@dataclass(frozen=True)
class WorkloadEntry:
    """`raw` holds the workload's own keys and, under `load`, the load with the workload's defaults below it.

    `address` is set when the target is not a service of the recipe; `targets` then names the service made from it.
    """

    name: str
    uses: str
    targets: tuple[str, ...]
    raw: Mapping[str, Any]
    slo: tuple[str, ...]
    trials: int
    axes: tuple[Axis, ...] = ()
    address: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Recipe:
    name: str
    description: str
    site: str
    seed: int
    labels: Mapping[str, str]
    services: Mapping[str, ServiceEntry]
    workloads: Mapping[str, WorkloadEntry]
    document: Document

    def unused_services(self) -> list[str]:
        """Services that no workload aims at: they will not be started."""
        used = {target for workload in self.workloads.values() for target in workload.targets}
        return [name for name in self.services if name not in used]
