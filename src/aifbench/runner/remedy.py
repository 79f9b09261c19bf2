"""More workers for the following trials of a load point whose generator was the limit, where cores are free. Pure.

The offered load stays the same: all workers together do one schedule, whatever their number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aifbench.metrics import validity
from aifbench.model.load import Load
from aifbench.model.plan import Stage
from aifbench.model.result import Finding, Validity


@dataclass(frozen=True)
class Remedy:
    """`workers` on `cpus` from now on because of what was `seen`; as many as before where `why_not` says why."""

    seen: str
    workers: int
    cpus: tuple[int, ...]
    why_not: str = ""


def free_cores(stage: Stage, used: Collection[int], without_process: Collection[str]) -> tuple[int, ...]:
    """Cores of the plan that neither a service's process nor a worker in `used` has.

    One of those planned for services without a process of ours is left to them: they may run on this machine.
    """
    held = {cpu for service in stage.services if service.name not in without_process for cpu in service.cpus}
    spare = {cpu for service in stage.services if service.name in without_process for cpu in service.cpus[1:]}
    of_points = {cpu for point in stage.points for cpu in point.cpus}
    return tuple(sorted((spare | of_points) - held - set(used)))


def decide(load: Load, cpus: Sequence[int], reports: Sequence[Mapping[str, Any]], free: Sequence[int]) -> Remedy | None:
    """What follows from the workers' reports of a trial; None where the generator was not its limit.

    The number of workers doubles as far as cores, users and slots suffice. One that the recipe names is never changed.
    """
    seen = generator_limit(reports)
    if load.workers_fixed or not seen:
        return None
    most = min(bound for bound in (load.concurrency, load.max_in_flight, 2 * load.workers) if bound)
    count = min(most, load.workers + len(free))
    if count > load.workers:
        return Remedy(seen, count, (*cpus, *free)[:count])
    why_not = "no core is free for another worker" if most > load.workers else "each worker has one user or slot only"
    return Remedy(seen, load.workers, tuple(cpus), why_not)


def generator_limit(reports: Sequence[Mapping[str, Any]]) -> str:
    """What shows that the generator was the limit; empty where nothing does.

    Only of workers on the event loop: where the worker itself does the work, more of them are another load.
    """
    known = [report for report in reports if "run_delay_s" in report and report.get("window_wall_s")]
    if not known:
        return ""
    late = sum(int(report.get("late_with_free_slot") or 0) for report in known)
    started = sum(int(report.get("started") or 0) for report in known)
    head_room = validity.worker_cpu(max(float(report["cpu_s"]) / float(report["window_wall_s"]) for report in known))
    found: list[Finding | None] = [
        validity.late_with_free_slot(late, started, material=False),
        *(_starved(report) for report in known),
    ]
    wrong = [one.text for one in found if one is not None and one.verdict is Validity.INVALID]
    if head_room.verdict is not Validity.VALID:
        wrong.append(head_room.text)
    return "; ".join(text.partition("): ")[0] + ")" for text in wrong)


def _starved(report: Mapping[str, Any]) -> Finding | None:
    delay, turns = report.get("run_delay_s"), report.get("run_turns")
    if delay is None or turns is None:
        return None
    return validity.run_delay(float(delay), int(turns), float(report["window_wall_s"]), material=True)
