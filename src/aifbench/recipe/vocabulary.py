"""The names that a recipe may use, as handed in by whoever knows the tables (`plan.vocabulary`).

`recipe` itself imports no service and no workload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

from pydantic import ConfigDict

from aifbench.errors import Problem
from aifbench.model.options import Options

K_co = TypeVar("K_co", covariant=True)

ANY = "any"
"""The protocol name of a service that offers whatever its options say, and of a workload that takes every target."""


class Names(Protocol[K_co]):
    """What `registry.Table` offers."""

    def names(self) -> list[str]: ...

    def load(self, name: str) -> K_co:
        """Raises AifbenchError when the name is unknown or cannot be imported."""
        ...


class ServiceKind(Protocol):
    """The part of `services.base.Service` that a recipe is checked against."""

    recipe_keys: type[Options]
    summary: str
    protocols: tuple[str, ...]
    requires: Mapping[str, str]


class WorkloadKind(Protocol):
    """The part of `workloads.base.Workload` that a recipe is checked and planned against."""

    recipe_keys: type[Options]
    summary: str
    family: str
    targets: tuple[str, ...]
    prepared_by: tuple[str, ...]
    default_load: Mapping[str, Any]


class AnyOptions(Options):
    """Takes every key: what stands in for keys that cannot be known."""

    model_config = ConfigDict(extra="allow")


class UnknownWorkload:
    """Stands in for a kind of workload that is not there, so that the keys which all kinds share are still checked."""

    recipe_keys: type[Options] = AnyOptions
    summary = ""
    family = ""
    targets: tuple[str, ...] = ()
    prepared_by: tuple[str, ...] = ()
    default_load: Mapping[str, Any] = {}


def _no_complaint(_expression: str, _family: str) -> Problem | None:
    return None


@dataclass(frozen=True)
class Vocabulary:
    """`slo_mistake(expression, family)` says what is wrong with an SLO expression, or returns None.

    The family is empty when nobody knows it: then only the form can be wrong.

    `estimate_bytes(workload name, options)` says how much disk the prepared data takes.
    """

    services: Names[Any]
    workloads: Names[Any]
    arrivals: Names[Any]
    slo_mistake: Callable[[str, str], Problem | None] = _no_complaint
    estimate_bytes: Callable[[str, Mapping[str, Any]], int] = lambda _name, _options: 0

    @cached_property
    def arrival_names(self) -> frozenset[str]:
        """Asked once: a table looks for plugins on every call, and a sweep asks for each of its load points."""
        return frozenset(self.arrivals.names())

    def service(self, name: str) -> ServiceKind:
        found: ServiceKind = self.services.load(name)
        return found

    def workload(self, name: str) -> WorkloadKind:
        found: WorkloadKind = self.workloads.load(name)
        return found

    def shape_keys(self, arrival: str) -> type[Options]:
        """The keys of `load` that only this arrival process has."""
        keys: type[Options] = getattr(self.arrivals.load(arrival), "recipe_keys", Options)
        return keys

    def needs_rate(self, arrival: str) -> bool:
        """Whether `rate_per_s` goes with this arrival process; others have rates of their own."""
        return bool(getattr(self.arrivals.load(arrival), "needs_rate", True))


def offered(kind: ServiceKind, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The protocols of a service with these options; empty when they cannot be known before it runs.

    A kind with a `protocol` key speaks what that key says.
    """
    said = options.get("protocol")
    field = kind.recipe_keys.model_fields.get("protocol")
    if field is not None:
        said = said if said is not None else field.get_default(call_default_factory=True)
        return (said,) if isinstance(said, str) and said != ANY else ()
    return () if ANY in kind.protocols else tuple(kind.protocols)


def fits(workload: WorkloadKind, protocols: tuple[str, ...]) -> bool:
    """Whether the workload can speak one of the protocols; unknown protocols are given the benefit of the doubt."""
    return not protocols or not workload.targets or ANY in workload.targets or bool({*workload.targets} & {*protocols})
