"""The unit in which a column of numbers reads best, and the numbers in it.

Stored values are in base units (seconds, bytes per second, shares); only what is shown is scaled, per column, so that
numbers of one column can be compared by eye.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from aifbench.model.result import Metric
from aifbench.report.sheet import Cell, absent
from aifbench.units import significant

_MIB = 1 << 20


@dataclass(frozen=True)
class Scale:
    """Shown value = stored value × `factor`, in `unit`."""

    unit: str
    factor: float = 1.0

    def show(self, value: float, digits: int = 3) -> str:
        """Three significant digits; thousands grouped by a narrow space from 10,000 on."""
        scaled = value * self.factor
        if not math.isfinite(scaled):
            return "∞" if scaled > 0 else "−∞" if scaled < 0 else "n/a (not a number)"
        written = significant(scaled, digits)
        if abs(scaled) >= 10_000:
            return f"{scaled:,.0f}".replace(",", "\u202f")
        return written.rstrip("0").rstrip(".") if "." in written and abs(scaled) >= 100 else written


def scale_for(unit: str, values: Iterable[float | None], metric: str = "") -> Scale:
    """Seconds become ms or µs and bytes KiB or MiB by the median of the values; shares become percent.

    Recall stays a share between 0 and 1, as the field writes it.
    """
    known = sorted(abs(value) for value in values if value is not None and math.isfinite(value) and value != 0)
    middle = known[len(known) // 2] if known else 1.0
    if unit == "s":
        return Scale("s") if middle >= 1 else Scale("ms", 1e3) if middle >= 1e-3 else Scale("µs", 1e6)
    if unit == "bytes/s":
        return Scale("MiB/s", 1 / _MIB)
    if unit in {"bytes", "B"}:
        power = min(3, int(math.log2(middle) // 10)) if middle >= 1 else 0
        return Scale(("B", "KiB", "MiB", "GiB")[power], 1 / (1 << 10 * power))
    if unit == "share":
        return Scale("") if "recall" in metric else Scale("%", 100.0)
    return Scale("" if unit in {"1", "count", "ratio"} else unit)


DECIMAL_RATE = Scale("MB/s", 1e-6)
"""Bandwidth in powers of ten, beside MiB/s: both are in use and are easily taken for one another."""


def metric_cell(
    metric: Metric | None, scale: Scale, *, usual_n: int | None = None, why_none: str = "not measured by this workload"
) -> Cell:
    """Value, and beneath it the 95 % interval.

    `usual_n` trials are behind the values of the row; where it is fewer, `10.2 (1 of 2)`. Without it n is beneath.
    `why_none` is the reason of a metric that is not there at all.
    """
    if metric is None:
        return absent(why_none)
    if metric.value is None:
        return absent(metric.reason)
    parts = []
    if metric.low is not None and metric.high is not None:
        parts.append(f"{scale.show(metric.low)} – {scale.show(metric.high)}")
    fewer = usual_n is not None and metric.n < usual_n
    if metric.n != usual_n and not fewer:
        parts.append(f"n {metric.n}")
    return Cell(
        scale.show(metric.value) + (f" ({metric.n} of {usual_n})" if fewer else ""),
        sort=metric.value,
        note=" · ".join(parts),
        title=f"{metric.value:.9g} {metric.unit}, n = {metric.n}" + (f" ({metric.reason})" if metric.reason else ""),
    )
