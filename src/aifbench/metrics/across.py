"""What is read off several load points together: recall–QPS curves, QPS at fixed recall, efficiency against the bound.

    RunResult.across = {"recall_qps": [{workload, target, load, points: [{point, recall, qps}],
                                        qps_at_recall: {name: {value, reason}}}]}

One curve holds the load points of one target under the same load: they differ in search parameters only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aifbench.metrics.vector import IN_PROCESS_SERVICES, CurvePoint, efficiency, fixed_recall_metrics
from aifbench.model.load import Load
from aifbench.model.plan import Plan
from aifbench.model.result import Metric, PointResult, Validity


def recall_curves(plan: Plan, points: Sequence[PointResult]) -> tuple[list[PointResult], Mapping[str, Any]]:
    """The load points with their efficiency where they search vectors, and the curves.

    INVALID points stand on no curve. The bound of a curve is that of the in-process target under the same load, or
    the only curve of an in-process target where none has the same load.
    """
    loads = {point.id: point.load for point in plan.points()}
    bounds = in_process_targets(plan)
    curves: dict[tuple[str, str, str], list[CurvePoint]] = {}
    for point in points:
        if (placed := _placed(point)) is not None and point.validity is not Validity.INVALID:
            curves.setdefault((point.workload, point.target, _key(loads[point.point])), []).append(placed)
    finished = [_with_efficiency(point, loads, bounds, curves) for point in points]
    if not curves:
        return finished, {}
    return finished, {"recall_qps": [_as_data(*key, members) for key, members in curves.items()]}


def in_process_targets(plan: Plan) -> set[str]:
    """Names of the targets that answer inside the worker's process."""
    return {item.name for stage in plan.stages for item in stage.services if item.uses in IN_PROCESS_SERVICES}


def _placed(point: PointResult) -> CurvePoint | None:
    recall, qps = (point.metrics.get(name) for name in ("recall_mean", "qps"))
    if recall is None or qps is None or recall.value is None or qps.value is None:
        return None
    return CurvePoint(point.point, recall.value, qps.value)


def _key(load: Load) -> str:
    size = f"{load.concurrency} users" if load.closed else f"{load.rate_per_s:g}/s" if load.rate_per_s else ""
    return " ".join(part for part in (load.arrival, size) if part)


def _with_efficiency(
    point: PointResult,
    loads: Mapping[str, Load],
    bounds: set[str],
    curves: Mapping[tuple[str, str, str], Sequence[CurvePoint]],
) -> PointResult:
    placed = _placed(point)
    if point.family != "vector":
        return point
    if placed is None:
        reason = "recall or QPS could not be measured"
        metric = Metric("efficiency", "share", None, reason=reason)
    elif point.target in bounds:
        metric = Metric("efficiency", "share", None, reason="this target is the bound itself")
    else:
        load = _key(loads[point.point])
        of_bounds = {key: members for key, members in curves.items() if key[1] in bounds}
        same = [members for key, members in of_bounds.items() if key[2] == load]
        chosen = same[0] if same else next(iter(of_bounds.values())) if len(of_bounds) == 1 else ()
        metric = efficiency(placed, chosen)
    return replace(point, metrics={**point.metrics, "efficiency": metric})


def _as_data(workload: str, target: str, load: str, members: Sequence[CurvePoint]) -> dict[str, Any]:
    fixed = fixed_recall_metrics(members)
    return {
        "workload": workload,
        "target": target,
        "load": load,
        "points": [
            {"point": item.point, "recall": item.recall, "qps": item.qps}
            for item in sorted(members, key=lambda item: item.recall)
        ],
        "qps_at_recall": {metric.name: {"value": metric.value, "reason": metric.reason} for metric in fixed},
    }
