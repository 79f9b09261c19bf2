"""gRPC: time to first message, messages of streams, bytes of messages in both directions.

Columns read: `ttfm_ns` (duration), `bytes_in`, `bytes_out`, `message_ns` (list, monotonic stamp of each message).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aifbench.metrics.columns import NS_PER_S, Operations, Rows, Stamps
from aifbench.metrics.declare import spread as declared_spread
from aifbench.metrics.family import Family
from aifbench.metrics.rates import bandwidth, per_second
from aifbench.metrics.spread import Values, durations, of_successes
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.result import Metric

NO_MESSAGES = "no operation received a message"


class Grpc(Family):
    def values(self, view: View) -> Sequence[Values]:
        operations = view.operations
        return [
            durations("ttfm", of_successes(operations, operations.integers("ttfm_ns")), "no message was stamped"),
            self._gaps(operations),
        ]

    def _gaps(self, operations: Operations) -> Values:
        stamps, rows = _messages(operations)
        same = np.diff(rows) == 0
        reason = "no answer had a second message" if len(stamps) else NO_MESSAGES
        return Values(declared_spread("message_gap"), np.diff(stamps)[same], rows[1:][same], NS_PER_S, reason)

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        return [
            bandwidth(view, f"bandwidth_{way}", view.operations.floats(f"bytes_{way}"), f"no operation {verb} a byte")
            for way, verb in (("in", "received"), ("out", "sent"))
        ] + [self._message_rate(view)]

    def _message_rate(self, view: View) -> Metric:
        stamps, _ = _messages(view.operations)
        if not len(stamps):
            return Metric("message_throughput", "1/s", None, reason=NO_MESSAGES)
        count = int(view.window.holds(stamps).sum()) if isinstance(view.window, Window) else 0
        return per_second(view, "message_throughput", count, count)


def _messages(operations: Operations) -> tuple[Stamps, Rows]:
    """Stamps of all messages of successful operations, and the row of each."""
    lists = operations.lists("message_ns")
    if lists is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    keep = operations.ok[lists.rows]
    return lists.values[keep].astype(np.int64), lists.rows[keep]
