"""A warning before the start: a planned rate above what this machine's generator can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aifbench.cli.screen import note
from aifbench.units import significant

if TYPE_CHECKING:
    from aifbench.model.plan import LoadPoint, Plan

TOO_MUCH = 0.75
"""Of a worker's core; the check `generator-ceiling` calls a load point DEGRADED from here on."""


def warn(plan: Plan) -> None:
    """One line per load point on stderr; nothing where the rate is not planned or the machine was not calibrated."""
    for line in warnings(plan):
        note(line)


def warnings(plan: Plan) -> Iterator[str]:
    from aifbench.store.calibration import calibration_facts

    calibration = calibration_facts()
    if calibration is None or plan.executor != "local":
        return
    from aifbench.model.calibration import needed
    from aifbench.workloads.base import WORKLOADS

    for point in plan.points():
        transport = WORKLOADS.load(point.uses).transport
        rate = point.load.rate_per_s
        if rate is None or not transport:
            continue
        each = rate / point.load.workers
        share = needed(each, each * _events(point), transport, calibration)
        if share is not None and share > TOO_MUCH:
            workers = point.load.workers
            yield (
                f"warning: {point.id} plans {significant(rate)}/s, {share:.0%} of what {workers} "
                f"worker{'s' * (workers > 1)} can do on this machine (aifbench calibrate); "
                "raise load.workers where cores are free, or lower the rate"
            )


def _events(point: LoadPoint) -> float:
    """Events of each answer, where it is streamed."""
    tokens = point.options.get("output_tokens")
    return float(tokens) if point.options.get("stream") and isinstance(tokens, int) else 0.0
