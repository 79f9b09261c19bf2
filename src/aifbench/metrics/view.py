"""One trial as the metrics see it: its rows, its window, what its workers said, what its SLOs ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aifbench.metrics.columns import Operations
from aifbench.metrics.slo import Limit
from aifbench.metrics.window import Instants, NoWindow, Window
from aifbench.model.load import Load


@dataclass(frozen=True)
class Generator:
    """`transport`: the row of the calibration that bounds the client, empty where there is none.

    `calibration` is what `aifbench calibrate` stored, as plain JSON; None when the machine was not calibrated.
    """

    transport: str = ""
    calibration: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class View:
    operations: Operations
    load: Load
    instants: Instants
    window: Window | NoWindow
    workers: tuple[Mapping[str, Any], ...]
    limits: tuple[Limit, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)  # the load point's
    generator: Generator = Generator()

    def facts(self, name: str) -> list[Any]:
        """What the workers' clients reported under this name, where they did."""
        reports = [report.get("facts") or {} for report in self.workers]
        return [facts[name] for facts in reports if facts.get(name) is not None]

    def fact_sum(self, name: str) -> float | None:
        """Sum over workers of a reported number; None when nobody reported it."""
        numbers = [value for value in self.facts(name) if isinstance(value, int | float)]
        return float(sum(numbers)) if numbers else None
