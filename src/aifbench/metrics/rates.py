"""Rates in the common window and shares of the steady phase."""

from __future__ import annotations

from typing import Any

import numpy as np

from aifbench.metrics.columns import Floats, Mask
from aifbench.metrics.in_flight import mean_in_flight
from aifbench.metrics.stamping import read_delays
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.result import Metric


def per_second(view: View, name: str, amount: float, n: int, unit: str = "1/s") -> Metric:
    """`amount` ÷ window, n/a with the reason where there is no window."""
    if not isinstance(view.window, Window):
        return Metric(name, unit, None, reason=view.window.reason)
    return Metric(name, unit, amount / view.window.seconds, n=n)


def inside(view: View, stamps: Any, rows: Mask) -> Mask:
    """Which of the chosen rows have their stamp in the window."""
    if not isinstance(view.window, Window):
        return np.zeros(len(rows), np.bool_)
    return rows & view.window.holds(stamps)


def completed(view: View) -> Mask:
    """Successful operations that ended in the window."""
    return inside(view, view.operations.end, view.operations.ok)


def offered(view: View) -> Mask:
    """Operations of the schedule whose intended start lies in the window, dropped ones too; no retries."""
    return inside(view, view.operations.intended, ~view.operations.retried)


def bandwidth(view: View, name: str, amounts: Floats, nothing: str) -> Metric:
    """Bytes of successes that ended in the window ÷ window; n/a for the reason `nothing` where no success moved any."""
    with np.errstate(invalid="ignore"):
        moving = view.operations.ok & (amounts > 0)
    if not moving.any():
        return Metric(name, "bytes/s", None, reason=nothing)
    chosen = completed(view) & moving
    return per_second(view, name, float(amounts[chosen].sum()), int(chosen.sum()), "bytes/s")


def share(name: str, part: int, whole: int, reason: str, unit: str = "share") -> Metric:
    if whole == 0:
        return Metric(name, unit, None, reason=reason)
    return Metric(name, unit, part / whole, n=whole)


def throughput(view: View, name: str = "throughput", rows: Mask | None = None) -> Metric:
    count = int((completed(view) if rows is None else completed(view) & rows).sum())
    return per_second(view, name, count, count)


def error_rate(view: View, name: str = "error_rate", rows: Mask | None = None) -> Metric:
    operations = view.operations
    chosen = operations.steady if rows is None else operations.steady & rows
    failed = int((chosen & operations.failed).sum())
    return share(name, failed, failed + int((chosen & operations.ok).sum()), "no operation ended in the steady phase")


def rates(view: View) -> list[Metric]:
    """Every common number but goodput."""
    operations = view.operations
    offers = int(offered(view).sum())
    starts = int(inside(view, operations.start, operations.started).sum())
    steady = int(operations.steady.sum())
    dropped = int((operations.steady & operations.dropped).sum())
    return [
        throughput(view),
        per_second(view, "offered_rate", offers, offers),
        per_second(view, "start_rate", starts, starts),
        error_rate(view),
        share("dropped_share", dropped, steady, "nothing was scheduled in the steady phase"),
        _in_flight(view),
        _cpu_share(view),
        *read_delays(view),
    ]


def cpu_shares(view: View) -> list[float]:
    """CPU time ÷ wall time of each worker during the load, where it is known."""
    shares = []
    for report in view.workers:
        cpu, wall = report.get("cpu_s"), report.get("window_wall_s")
        if isinstance(cpu, int | float) and isinstance(wall, int | float) and wall > 0:
            shares.append(cpu / wall)
    return shares


def _cpu_share(view: View) -> Metric:
    shares = cpu_shares(view)
    if not shares:
        return Metric("worker_cpu_share", "share", None, reason="no worker reported its CPU time")
    return Metric("worker_cpu_share", "share", max(shares), n=len(shares))


def _in_flight(view: View) -> Metric:
    if not isinstance(view.window, Window):
        return Metric("in_flight_mean", "operations", None, reason=view.window.reason)
    edges = np.array([view.window.start_ns, view.window.end_ns], np.int64)
    value = float(mean_in_flight(view.operations, edges)[0])
    return Metric("in_flight_mean", "operations", value, n=int(view.operations.started.sum()))
