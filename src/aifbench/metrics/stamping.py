"""How far stamps of what was received can be believed: kernel against read, clock steps, reads of several events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aifbench.metrics.columns import Rows, Stamps
from aifbench.metrics.validity import by_limits
from aifbench.metrics.view import View
from aifbench.model.result import Finding, Metric
from aifbench.units import format_duration

NOT_KNOWN = "only stamps of the kernel tell it (load.timestamps), for connections over a network without TLS"


def _read_delay_s(view: View, which: str) -> float | None:
    """Of the worst worker; None where no kernel stamp was taken."""
    told = [delays.get(which) for delays in view.facts("read_delay_ns") if isinstance(delays, dict)]
    known = [value / 1e9 for value in told if isinstance(value, int | float)]
    return max(known, default=None)


def read_delays(view: View) -> list[Metric]:
    """How long data waited in the kernel until the generator read it."""
    found = {f"read_delay_{which}": _read_delay_s(view, which) for which in ("p50", "p99")}
    stamps = int(view.fact_sum("stamps") or 0)
    return [
        Metric(name, "s", value, n=0 if value is None else stamps, reason=NOT_KNOWN if value is None else "")
        for name, value in found.items()
    ]


def stamp_findings(view: View) -> Iterator[Finding]:
    """Whether kernel stamps were disturbed by the clock, and how late the generator read."""
    if "kernel" not in view.facts("timestamps"):
        return
    p50, p99 = _read_delay_s(view, "p50"), _read_delay_s(view, "p99")
    if p50 is not None and p99 is not None:
        text = f"data waited for the generator: p50 {format_duration(p50)}, p99 {{seen}}"
        yield by_limits("read-delay", p99, text)
    steps = view.fact_sum("clock_steps")
    if steps is not None:
        replaced, stamps = (int(view.fact_sum(name) or 0) for name in ("stamps_replaced", "stamps"))
        count = f"{int(steps)} step{'' if steps == 1 else 's'}"
        text = f"{count} of the wall clock, {replaced} of {stamps} stamps are those of the read instead"
        yield by_limits("clock-step", steps, text)


def merged(stamps: Stamps, rows: Rows) -> tuple[int, int]:
    """How many events have the stamp of a later one of the same answer, because one read brought both; of how many.

    The time of such an event is only known to lie before that stamp.
    """
    same = (np.diff(rows) == 0) & (np.diff(stamps) == 0)
    return int(same.sum()), len(stamps)


def merged_share(stamps: Stamps, rows: Rows) -> Metric:
    count, total = merged(stamps, rows)
    if not total:
        return Metric("merged_events_share", "share", None, reason="no event was stamped")
    return Metric("merged_events_share", "share", count / total, n=total)


def merged_finding(stamps: Stamps, rows: Rows) -> Finding | None:
    count, total = merged(stamps, rows)
    if not total:
        return None
    text = f"{count} of {total} events came in one read with a later one of their stream, {{seen}}"
    return by_limits("merged-reads", count / total, text)
