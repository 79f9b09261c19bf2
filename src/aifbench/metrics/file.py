"""File storage: bandwidth, operations per second, and how much of it reached the device.

Bytes come from the columns `bytes_in` (read) and `bytes_out` (written); the clients' facts `device_read_bytes` and
`device_write_bytes` say what the block device did for the workers meanwhile. `fsync_ns` is a duration.

Where an operation is one run of a tool (fio), the tool's own columns `read_bandwidth`, `write_bandwidth` (bytes/s),
`read_iops` and `write_iops` hold, since its start-up and layout are not file I/O: the mean over runs × runs side by
side. Its other numbers become `value.<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aifbench.metrics.columns import MISSING, Floats
from aifbench.metrics.command import printed_values
from aifbench.metrics.family import Family
from aifbench.metrics.rates import bandwidth, throughput
from aifbench.metrics.spread import NOTHING_SUCCEEDED, Values, durations, mean, of_successes
from aifbench.metrics.validity import by_limits
from aifbench.metrics.view import View
from aifbench.model.result import Finding, Metric

_WAYS = (("read", "bytes_in"), ("write", "bytes_out"))


class File(Family):
    generator_is_target = True

    def values(self, view: View) -> Sequence[Values]:
        names = view.operations.table.column_names
        fsync = durations(
            "fsync", of_successes(view.operations, view.operations.integers("fsync_ns")), "nothing was synced"
        )
        return [fsync, *printed_values(view, [name for name in names if "_latency_ns" in name])]

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        operations = view.operations
        shares = [device_share(view, way, column) for way, column in _WAYS]
        if operations.has("read_iops"):
            return [*told_by_tool(view), *shares]
        bandwidths = [
            bandwidth(view, f"{way}_bandwidth", operations.floats(column), f"no operation did {way} bytes")
            for way, column in _WAYS
        ]
        return [*bandwidths, throughput(view, "iops"), *shares]

    def findings(self, view: View) -> Sequence[Finding]:
        wrong = view.fact_sum("mismatched")
        return () if wrong is None else [by_limits("content", wrong, "{seen} blocks with wrong content")]


def told_by_tool(view: View) -> list[Metric]:
    """Bandwidths and IOPS as the tool measured them."""
    operations = view.operations
    chosen = operations.steady & operations.ok
    beside = view.load.concurrency or 1
    n = int(chosen.sum())

    def metric(name: str, unit: str, column: Floats) -> Metric:
        known = column[chosen & ~np.isnan(column)]
        if len(known) == 0:
            return Metric(name, unit, None, reason=NOTHING_SUCCEEDED if n == 0 else "the tool did none of it")
        return Metric(name, unit, mean(known) * beside, n=len(known))

    read, write = operations.floats("read_iops"), operations.floats("write_iops")
    both = np.where(np.isnan(read) & np.isnan(write), np.nan, np.nan_to_num(read) + np.nan_to_num(write))
    return [
        metric("read_bandwidth", "bytes/s", operations.floats("read_bandwidth")),
        metric("write_bandwidth", "bytes/s", operations.floats("write_bandwidth")),
        metric("iops", "1/s", both),
    ]


def device_share(view: View, way: str, column: str) -> Metric:
    """Bytes that the device moved during the whole load ÷ bytes that the application moved in all phases."""
    name = f"device_{way}_share"
    device = view.fact_sum(f"device_{way}_bytes")
    if device is None:
        return Metric(name, "ratio", None, reason="the bytes of the block device are not known")
    moved = view.operations.integers(column)
    application = int(moved[moved != MISSING].sum())
    if application == 0:
        return Metric(name, "ratio", None, reason=f"the application did not {way}")
    return Metric(name, "ratio", device / application, n=view.operations.count)
