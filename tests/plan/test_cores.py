"""Workers have cores to themselves where there are enough."""

from __future__ import annotations

import pytest

from aifbench.model.load import Load
from aifbench.model.plan import LoadPoint, PlannedService, Stage
from aifbench.plan.cores import share


def stage(*workers: int) -> Stage:
    points = tuple(
        LoadPoint(f"p{n}", "w", "http", "web", {}, Load("closed", 1.0, concurrency=8, workers=n), "") for n in workers
    )
    return Stage("stage-1", (PlannedService("web", "command", {}, "local", 5.0),), (), points, ())


@pytest.mark.parametrize(
    ("cpus", "workers", "services", "points"),
    [
        ((0, 1), [1], (0,), [(1,)]),
        ((0, 1, 2, 3), [1, 2], (0, 1), [(3,), (2, 3)]),
        ((4, 6, 9), [2], (4,), [(6, 9)]),
    ],
)
def test_workers_get_the_last_cores_and_services_the_others(
    cpus: tuple[int, ...], workers: list[int], services: tuple[int, ...], points: list[tuple[int, ...]]
) -> None:
    shared = share(stage(*workers), cpus)
    assert [service.cpus for service in shared.services] == [services]
    assert [point.cpus for point in shared.points] == points


@pytest.mark.parametrize("cpus", [(), (0,), (0, 1)])
def test_nothing_is_pinned_where_cores_do_not_suffice(cpus: tuple[int, ...]) -> None:
    shared = share(stage(2), cpus)
    assert all(service.cpus == () for service in shared.services)
    assert all(point.cpus == () for point in shared.points)
