"""What charts draw, as plain JSON. Times are seconds after T0; what is not known is None.

    over_time         {bin_s, t_s[] (start of each bin), started[], completed[] (successes), errors[],
                       response_p50_s[], response_p99_s[], response_max_s[] (of successes that ended in the bin),
                       in_flight[] (time average), window_s [a, b] or None, warmup_end_s}
    quantiles         {q[], response_s[], service_s[]}, steady phase, as far out as n supports; absent below n = 6
    <name>_quantiles  {q[], value_s[]} for ttft, icl, ttfb, connect_time, …
    errors            {kind: {count, example}}, all phases
    by_operation      {op: {count, ok, errors, p50_s, p99_s}}, steady phase; percentiles None when n is too small
    slowest           the 10 operations with the longest response time, steady phase:
                      [{seq, op, worker, status, response_s, service_s, lag_s,
                        intended_s, start_s, first_s, last_s, end_s}]
    tokens_over_time  {bin_s, t_s[], tokens[]} (inference only)

In a bin p50 is the plain median of whatever ended in it, and p99 is given from 100 operations on (below that it would
be the maximum, which has its own line): bins show a course, they are no estimates with an interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from aifbench.metrics.columns import MISSING, NS_PER_S, Floats, Mask, Operations, Stamps
from aifbench.metrics.in_flight import mean_in_flight
from aifbench.metrics.latency import response_ns
from aifbench.metrics.percentile import highest_quantile, needed_n, percentile, rank
from aifbench.metrics.spread import Values
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.operation import OK

MOST_BINS = 120
P99_FROM = 100
SLOWEST = 10


@dataclass(frozen=True)
class Bins:
    """`count` bins of `width_ns` from T0 on."""

    origin_ns: int
    width_ns: int
    count: int

    @property
    def edges_ns(self) -> Stamps:
        return self.origin_ns + self.width_ns * np.arange(self.count + 1, dtype=np.int64)

    @property
    def starts_s(self) -> list[float]:
        return [index * self.width_ns / NS_PER_S for index in range(self.count)]


def bins(view: View) -> Bins:
    """Bins of 1, 2 or 5 times a power of ten (0.1 s or more) from T0 to the last end, at most 120 of them."""
    operations = view.operations
    origin = view.instants.t0_ns
    latest = max(int(column.max(initial=origin)) for column in (operations.start, operations.end))
    length = max(latest - origin, 1)
    for power in range(8, 20):
        for step in (1, 2, 5):
            width = step * 10**power
            if length / width <= MOST_BINS:
                return Bins(origin, width, length // width + 1)
    return Bins(origin, length, 1)


def binned(layout: Bins, stamps: Stamps, weights: Floats | None = None) -> Floats:
    """Sum of weights (count, where there are none) of the stamps in each bin; stamps outside count nowhere."""
    index = (stamps - layout.origin_ns) // layout.width_ns
    inside = (index >= 0) & (index < layout.count) & (stamps != MISSING)
    chosen = None if weights is None else weights[inside]
    return np.bincount(index[inside], chosen, minlength=layout.count).astype(np.float64)


def common_series(view: View, values: Sequence[Values]) -> dict[str, Any]:
    """Every series that does not belong to one family."""
    operations = view.operations
    found: dict[str, Any] = {
        "over_time": over_time(view),
        "errors": errors(operations),
        "by_operation": by_operation(operations),
        "slowest": slowest(view),
    }
    columns = {item.declared.name: np.sort(item.chosen(operations.steady)) for item in values}
    response, service = columns["response_time"], columns["service_time"]
    if q := quantile_grid(len(response)):
        found["quantiles"] = {"q": q, "response_s": at_quantiles(response, q), "service_s": at_quantiles(service, q)}
    for item in values:
        name, ordered = item.declared.name, columns[item.declared.name]
        if (
            item.declared.unit == "s"
            and name not in {"response_time", "service_time"}
            and (q := quantile_grid(len(ordered)))
        ):
            found[f"{name}_quantiles"] = {"q": q, "value_s": at_quantiles(ordered, q, item.per_unit)}
    return found


def quantile_grid(n: int) -> list[float]:
    """About 200 quantiles, dense in the tail, as far out as intervals from n values are finite; none below n = 6."""
    highest = highest_quantile(n)
    body = [index / 100 for index in range(1, 90)]
    tail = [1 - 10 ** -(1 + step / 25) for step in range(111)]
    q = [round(value, 7) for value in (*body, *tail) if 1 - highest <= value <= highest]
    return q if n >= needed_n(0.5) else []


def at_quantiles(ordered: Any, q: Sequence[float], per_unit: float = NS_PER_S) -> list[float]:
    return [float(ordered[rank(len(ordered), value) - 1]) / per_unit for value in q]


def over_time(view: View) -> dict[str, Any]:
    operations = view.operations
    layout = bins(view)
    origin = layout.origin_ns
    ok = operations.ok
    window = view.window
    return {
        "bin_s": layout.width_ns / NS_PER_S,
        "t_s": layout.starts_s,
        "started": _counts(layout, operations.start),
        "completed": _counts(layout, operations.end[ok]),
        "errors": _counts(layout, operations.end[operations.failed]),
        **_response_in_bins(layout, operations.end[ok], response_ns(operations)[ok]),
        "in_flight": [float(value) for value in mean_in_flight(operations, layout.edges_ns)],
        "window_s": [(window.start_ns - origin) / NS_PER_S, (window.end_ns - origin) / NS_PER_S]
        if isinstance(window, Window)
        else None,
        "warmup_end_s": (view.instants.warmup_end_ns - origin) / NS_PER_S,
    }


def _counts(layout: Bins, stamps: Stamps) -> list[int]:
    return [int(value) for value in binned(layout, stamps)]


def _response_in_bins(layout: Bins, ends: Stamps, response: Stamps) -> dict[str, list[float | None]]:
    order = np.argsort(ends, kind="stable")
    cuts = np.searchsorted(ends[order], layout.edges_ns)
    p50: list[float | None] = []
    p99: list[float | None] = []
    top: list[float | None] = []
    for first, last in pairwise(cuts):
        ordered = np.sort(response[order[first:last]])
        n = len(ordered)
        p50.append(float(ordered[rank(n, 0.5) - 1]) / NS_PER_S if n else None)
        p99.append(float(ordered[rank(n, 0.99) - 1]) / NS_PER_S if n >= P99_FROM else None)
        top.append(float(ordered[-1]) / NS_PER_S if n else None)
    return {"response_p50_s": p50, "response_p99_s": p99, "response_max_s": top}


def errors(operations: Operations) -> dict[str, dict[str, Any]]:
    """Kinds of failure with count and the note of the first one; without a kind the status stands for it."""
    rows = np.flatnonzero(operations.failed | operations.cancelled)
    kinds, status = operations.error_kind, operations.status
    found: dict[str, dict[str, Any]] = {}
    notes = operations.table.column("note") if operations.has("note") else None
    for row in rows:
        code = int(kinds.codes[row])
        kind = kinds.names[code] if code >= 0 else status.names[int(status.codes[row])]
        entry = found.setdefault(kind, {"count": 0, "example": None})
        entry["count"] += 1
        if entry["example"] is None and notes is not None:
            entry["example"] = notes[int(row)].as_py() or None
    return dict(sorted(found.items(), key=lambda item: -int(item[1]["count"])))


def by_operation(operations: Operations) -> dict[str, dict[str, Any]]:
    response = response_ns(operations)
    found = {}
    for name in operations.operation.present(operations.steady):
        mine = operations.steady & operations.operation.among(name)
        ordered = np.sort(response[mine & operations.ok])
        found[name] = {
            "count": int(mine.sum()),
            "ok": len(ordered),
            "errors": int((mine & operations.failed).sum()),
            **{f"{word}_s": _finite_s(percentile(ordered, q).value) for word, q in (("p50", 0.5), ("p99", 0.99))},
        }
    return found


def slowest(view: View) -> list[dict[str, Any]]:
    operations = view.operations
    response = operations.between(operations.intended, operations.end)
    rows = np.flatnonzero(_ended(operations) & operations.steady)
    slow = rows[np.argsort(-response[rows], kind="stable")[:SLOWEST]]
    return [_stamps_of(view, int(row)) for row in slow]


def _ended(operations: Operations) -> Mask:
    return np.asarray((operations.end != MISSING) & operations.started & (operations.intended != MISSING))


def _stamps_of(view: View, row: int) -> dict[str, Any]:
    operations = view.operations

    def after_t0(column: Stamps) -> float | None:
        return None if column[row] == MISSING else (int(column[row]) - view.instants.t0_ns) / NS_PER_S

    def length(earlier: Stamps, later: Stamps) -> float:
        return (int(later[row]) - int(earlier[row])) / NS_PER_S

    return {
        "seq": int(operations.seq[row]),
        "op": _word(operations.operation.codes[row], operations.operation.names),
        "worker": int(operations.worker[row]),
        "status": _word(operations.status.codes[row], operations.status.names) or OK,
        "response_s": length(operations.intended, operations.end),
        "service_s": length(operations.start, operations.end),
        "lag_s": length(operations.intended, operations.start),
        "intended_s": after_t0(operations.intended),
        "start_s": after_t0(operations.start),
        "first_s": after_t0(operations.first),
        "last_s": after_t0(operations.last),
        "end_s": after_t0(operations.end),
    }


def _word(code: Any, names: tuple[str, ...]) -> str:
    return names[int(code)] if int(code) >= 0 else ""


def _finite_s(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value / NS_PER_S


def plain(series: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every NaN or infinity as None: JSON has neither."""
    return {key: _plain(value) for key, value in series.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
