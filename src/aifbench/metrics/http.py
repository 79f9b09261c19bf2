"""Plain HTTP: time to first byte, bytes of bodies in both directions.

Columns read: `ttfb_ns` (duration), `bytes_in`, `bytes_out` (bodies only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aifbench.metrics.family import Family
from aifbench.metrics.rates import bandwidth
from aifbench.metrics.spread import Values, durations, of_successes
from aifbench.metrics.view import View
from aifbench.model.result import Metric


class Http(Family):
    def values(self, view: View) -> Sequence[Values]:
        operations = view.operations
        return [
            durations("ttfb", of_successes(operations, operations.integers("ttfb_ns")), "no first byte was stamped")
        ]

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        return [
            bandwidth(view, f"bandwidth_{way}", view.operations.floats(f"bytes_{way}"), f"no operation {verb} a body")
            for way, verb in (("in", "received"), ("out", "sent"))
        ]
