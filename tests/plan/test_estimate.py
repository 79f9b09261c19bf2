from __future__ import annotations

import pytest

from aifbench.model.load import Load
from aifbench.model.plan import LoadPoint
from aifbench.plan.estimate import SAMPLE_BYTES, estimate


def of(*loads: Load) -> tuple[float, int | None, int | None]:
    points = [LoadPoint(f"p{n}", "w", "u", "t", {}, load, "d") for n, load in enumerate(loads)]
    made = estimate(points, {point.id: 2 for point in points}, 1000)
    return made.load_s, made.operations, made.disk_bytes


@pytest.mark.parametrize(
    ("load", "seconds", "operations"),
    [
        (Load("poisson", 10, 2, rate_per_s=5), 24, 120),
        (Load("poisson", 100, rate_per_s=5, operations=50), 20, 100),
        (Load("closed", 3600, concurrency=1, operations=50), 0, 100),
        (Load("closed", 10, 2, concurrency=1), 24, None),
    ],
)
def test_the_estimate_is_a_lower_bound_of_time_and_the_count_where_it_is_fixed(
    load: Load, seconds: float, operations: int | None
) -> None:
    assert of(load) == (seconds, operations, 1000 + SAMPLE_BYTES * (operations or 0))


def test_one_point_of_unknown_count_makes_the_whole_count_unknown() -> None:
    assert of(Load("poisson", 10, rate_per_s=1), Load("closed", 10, concurrency=1))[1] is None
