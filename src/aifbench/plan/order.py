"""The order of trials in a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aifbench.model.plan import LoadPoint, Trial


def interleave(
    points: Sequence[LoadPoint], counts: Mapping[str, int], seeds: Mapping[tuple[str, int], int]
) -> list[Trial]:
    """Every point once, then every point again in reverse, and so on: A B B A A B.

    A drift of the machine then falls on all points alike instead of favouring one. `counts` has the trials per point,
    `seeds` the seed per point and trial number. Points with fewer trials drop out of the later rounds.
    """
    trials: list[Trial] = []
    for number in range(1, max((counts[point.id] for point in points), default=0) + 1):
        for point in points if number % 2 else reversed(points):
            if number <= counts[point.id]:
                trials.append(Trial(f"{point.id}.t{number}", point.id, number, seeds[point.id, number]))  # noqa: PERF401
    return trials
