"""What a plan will take, at least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aifbench.model.load import Load
from aifbench.model.plan import Estimate, LoadPoint

SAMPLE_BYTES = 100
"""A row of the samples on disk, roughly: about twenty columns, compressed."""


def estimate(points: Sequence[LoadPoint], trials: Mapping[str, int], data_bytes: int) -> Estimate:
    """`trials` has the number of trials per point, `data_bytes` what all prepared data take."""
    load_s = sum(_seconds(point.load) * trials[point.id] for point in points)
    counts = [_operations(point.load) for point in points]
    known = [count * trials[point.id] for point, count in zip(points, counts, strict=True) if count is not None]
    return Estimate(
        load_s=round(load_s, 3),
        operations=sum(known) if len(known) == len(points) else None,
        disk_bytes=data_bytes + SAMPLE_BYTES * sum(known),
        points=len(points),
        trials=sum(trials.values()),
    )


def _seconds(load: Load) -> float:
    """Offered-load time. A closed loop that counts operations takes as long as it takes: 0 is all that is known."""
    if load.operations is None:
        return load.length_s
    return 0.0 if load.rate_per_s is None else min(load.length_s, load.operations / load.rate_per_s)


def _operations(load: Load) -> int | None:
    """Of one trial; None where only the target's speed decides."""
    offered = None if load.rate_per_s is None else round(load.rate_per_s * load.length_s)
    if load.operations is None:
        return offered
    return load.operations if offered is None else min(load.operations, offered)
