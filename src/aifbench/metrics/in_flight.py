"""Operations in flight, integrated exactly from starts and ends."""

from __future__ import annotations

import numpy as np

from aifbench.metrics.columns import MISSING, Floats, Operations, Stamps


def mean_in_flight(operations: Operations, edges_ns: Stamps) -> Floats:
    """Time average of operations in flight between neighbouring edges (sorted, monotonic nanoseconds).

    An operation that never ended is in flight until the last edge.
    """
    busy = operations.started
    origin = int(edges_ns[0])
    edges = (edges_ns - origin).astype(np.float64)
    starts = np.sort(operations.start[busy] - origin).astype(np.float64)
    ended = operations.end[busy]
    ends = np.sort(ended[ended != MISSING] - origin).astype(np.float64)
    total = _time_since(starts, edges) - _time_since(ends, edges)
    widths = np.diff(edges)
    return np.divide(np.diff(total), widths, out=np.zeros(len(widths)), where=widths > 0)


def _time_since(events: Floats, edges: Floats) -> Floats:
    """For each edge, the sum over earlier events of the time since the event.

    In floats: exact up to 2^53 ns in sum, above that to about 1e-16 of it.
    """
    sums = np.concatenate(([0.0], np.cumsum(events)))
    before = np.searchsorted(events, edges, side="left")
    return np.asarray(before * edges - sums[before], np.float64)
