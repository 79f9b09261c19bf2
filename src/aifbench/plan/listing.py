"""A plan for reading: rows of plain text, for whoever prints them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aifbench.model.codec import content_hash
from aifbench.model.load import Load
from aifbench.model.plan import Plan
from aifbench.units import format_bytes, format_duration, significant


@dataclass(frozen=True)
class PlanListing:
    """`facts` are name and value; `points` rows below `columns`; `order` the trials of each stage as they are done."""

    facts: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    points: tuple[tuple[str, ...], ...]
    order: tuple[tuple[str, tuple[str, ...]], ...]


COLUMNS = ("stage", "load point", "workload", "target", "load", "varied", "trials", "SLO")


def render(plan: Plan) -> PlanListing:
    trials: dict[str, int] = {}
    for trial in plan.trials():
        trials[trial.point] = trials.get(trial.point, 0) + 1
    rows = tuple(
        (
            stage.id,
            point.id,
            point.uses,
            point.target or "–",
            load_text(point.load),
            varied_text(point.varied) or "–",
            str(trials.get(point.id, 0)),
            "; ".join(point.slo) or "–",
        )
        for stage in plan.stages
        for point in stage.points
    )
    order = tuple((stage.id, tuple(trial.id for trial in stage.trials)) for stage in plan.stages)
    return PlanListing(_facts(plan), COLUMNS, rows, order)


def _facts(plan: Plan) -> tuple[tuple[str, str], ...]:
    services = dict.fromkeys(f"{one.name} ({one.uses})" for stage in plan.stages for one in stage.services)
    estimate = plan.estimate
    operations = "as many as the targets answer" if estimate.operations is None else f"{estimate.operations:,}"
    return (
        ("recipe", f"{plan.name} ({plan.recipe_hash})"),
        ("plan", content_hash(plan)),
        ("site", f"{plan.site} (executor {plan.executor})"),
        ("seed", str(plan.seed)),
        ("cores", _cores(plan)),
        ("services", ", ".join(services) or "none"),
        ("load points", str(estimate.points)),
        ("trials", str(estimate.trials)),
        ("load time", f"at least {format_duration(estimate.load_s)}"),
        ("operations", operations),
        ("disk", f"about {format_bytes(estimate.disk_bytes)}"),
    )


def _cores(plan: Plan) -> str:
    """`services on 0-2, workers on 3`, per stage where stages differ."""
    found = []
    for stage in plan.stages:
        workers = sorted({cpu for point in stage.points for cpu in point.cpus})
        services = sorted({cpu for service in stage.services for cpu in service.cpus})
        if workers:
            found.append(f"services on {_ranges(services)}, workers on {_ranges(workers)}")
        else:
            found.append("not pinned: too few for every worker and the services, so they share what there is")
    unique = list(dict.fromkeys(found))
    return "; ".join(unique) if unique else "none needed"


def _ranges(cpus: list[int]) -> str:
    """`0-3,8`: the kernel's own way to write lists of cores."""
    parts: list[list[int]] = []
    for cpu in cpus:
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts) or "none"


def load_text(load: Load) -> str:
    """`poisson 10/s for 30 s (+ 5 s warm-up)`, `closed, 8 users, 1,000 operations`. A rate that changes: its mean."""
    what = f"{load.arrival} {significant(load.rate_per_s)}/s" if load.rate_per_s is not None else load.arrival
    after = f" (+ {format_duration(load.cooldown_s)} cool-down)" if load.cooldown_s else ""
    users = f", {load.concurrency:,} user{'s' * (load.concurrency != 1)}" if load.concurrency is not None else ""
    if load.operations is not None:
        return f"{what}{users}, {load.operations:,} operations"
    warmup = f" (+ {format_duration(load.warmup_s)} warm-up)" if load.warmup_s else ""
    return f"{what}{users} for {format_duration(load.duration_s)}{warmup}{after}"


def varied_text(varied: Mapping[str, Any]) -> str:
    return ", ".join(f"{path}={value}" for path, value in varied.items())
