"""Plain HTTP: time to first byte, bytes of bodies in both directions.

Columns read: `ttfb_ns` (duration), `bytes_in`, `bytes_out` (bodies only), and, where answers are streams of events,
`event_ns` (list, monotonic stamp of each event).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aifbench.metrics.columns import NS_PER_S, Operations, Rows, Stamps
from aifbench.metrics.declare import spread as declared_spread
from aifbench.metrics.family import Family
from aifbench.metrics.rates import bandwidth, per_second
from aifbench.metrics.spread import Values, durations, of_successes
from aifbench.metrics.stamping import merged_finding, merged_share
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.result import Finding, Metric

NO_EVENTS = "no events: the answers are not read as streams of them (option events)"


class Http(Family):
    def values(self, view: View) -> Sequence[Values]:
        operations = view.operations
        return [
            durations("ttfb", of_successes(operations, operations.integers("ttfb_ns")), "no first byte was stamped"),
            self._gaps(operations),
        ]

    def _gaps(self, operations: Operations) -> Values:
        stamps, rows = events_of(operations)
        same = np.diff(rows) == 0
        reason = "no answer had a second event" if len(stamps) else NO_EVENTS
        return Values(declared_spread("event_gap"), np.diff(stamps)[same], rows[1:][same], NS_PER_S, reason)

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        return [
            bandwidth(view, f"bandwidth_{way}", view.operations.floats(f"bytes_{way}"), f"no operation {verb} a body")
            for way, verb in (("in", "received"), ("out", "sent"))
        ] + [self._event_rate(view), merged_share(*_steady_events(view))]

    def findings(self, view: View) -> Sequence[Finding]:
        found = merged_finding(*_steady_events(view))
        return () if found is None else [found]

    def _event_rate(self, view: View) -> Metric:
        stamps, _ = events_of(view.operations)
        if not len(stamps):
            return Metric("event_throughput", "1/s", None, reason=NO_EVENTS)
        count = int(view.window.holds(stamps).sum()) if isinstance(view.window, Window) else 0
        return per_second(view, "event_throughput", count, count)


def _steady_events(view: View) -> tuple[Stamps, Rows]:
    stamps, rows = events_of(view.operations)
    chosen = view.operations.steady[rows]
    return stamps[chosen], rows[chosen]


def events_of(operations: Operations) -> tuple[Stamps, Rows]:
    """Stamps of all events of successful operations, and the row of each."""
    lists = operations.lists("event_ns")
    if lists is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    keep = operations.ok[lists.rows]
    return lists.values[keep].astype(np.int64), lists.rows[keep]
