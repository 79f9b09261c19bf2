"""Whether the trials of a load point agree: they repeat one setting, so only chance may set them apart. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aifbench.metrics.validity import by_limits
from aifbench.model.result import Finding, Metric, TrialResult
from aifbench.units import format_duration, significant

JUDGED = ("throughput", "response_time_p50")
_NORMAL_95 = 1.96


@dataclass(frozen=True)
class _Seen:
    trial: int
    value: float
    low: float
    high: float
    unit: str

    def __str__(self) -> str:
        written = format_duration(self.value) if self.unit == "s" else f"{significant(self.value)}/s"
        return f"{written} in trial {self.trial}"


def trial_spread(trials: Sequence[TrialResult]) -> Finding | None:
    """Greatest ÷ least − 1 of the number in which the trials differ most; None when fewer than two have one.

    Two trials whose 95 % intervals overlap do not differ. A rate's interval is that of a count that is left to chance
    (±1.96/√n): wide, because a generator's schedule varies less.
    """
    found = [_apart(name, list(_seen(name, trials))) for name in JUDGED]
    known = [item for item in found if item is not None]
    if not known:
        return None
    apart, text = max(known)
    return by_limits("trial-spread", apart, text)


def _apart(name: str, seen: Sequence[_Seen]) -> tuple[float, str] | None:
    if len(seen) < 2:
        return None
    least, greatest = min(seen, key=lambda one: one.value), max(seen, key=lambda one: one.value)
    apart = greatest.value / least.value - 1 if least.high < greatest.low else 0.0
    return apart, f"{name.replace('_', ' ')} {least}, {greatest}; {{seen}} more, beyond chance"


def _seen(name: str, trials: Sequence[TrialResult]) -> Iterator[_Seen]:
    for trial in trials:
        metric = trial.metrics.get(name)
        if metric is None or metric.value is None or not 0 < metric.value < math.inf:
            continue
        low, high = _bounds(metric, metric.value)
        yield _Seen(trial.number, metric.value, low, high, metric.unit)


def _bounds(metric: Metric, value: float) -> tuple[float, float]:
    if metric.low is not None and metric.high is not None:
        return metric.low, metric.high
    chance = _NORMAL_95 / math.sqrt(metric.n) if metric.n else math.inf
    return value * (1 - chance), value * (1 + chance)
