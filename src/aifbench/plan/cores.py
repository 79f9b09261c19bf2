"""Which cores a stage's services and its workers get, so that the load does not disturb what it measures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aifbench.model.plan import Stage


def share(stage: Stage, cpus: Sequence[int]) -> Stage:
    """The stage with cores: each worker has one of the last ones to itself, services share the others.

    Where there are not enough cores for every worker and one for the services, nothing is pinned: the operating
    system then shares them out, and the workers' reports show the same cores as the services'.
    """
    most = max((point.load.workers for point in stage.points), default=0)
    if not most or most >= len(cpus):
        return stage
    services = tuple(cpus[:-most])
    return replace(
        stage,
        services=tuple(replace(service, cpus=services) for service in stage.services),
        points=tuple(replace(point, cpus=tuple(cpus[-point.load.workers :])) for point in stage.points),
    )
