"""Hand-made samples: rows in whole milliseconds after T0, workers' reports that fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from aifbench.metrics.evaluate import view_of
from aifbench.metrics.slo import parse_slo
from aifbench.metrics.view import View
from aifbench.model.load import Load
from aifbench.model.plan import LoadPoint, Trial
from aifbench.model.samples import Samples

MS = 1_000_000
T0 = 7_000_000_000_000
"""Not zero, as on a real machine: an origin that is forgotten shows."""

CLOSED = Load("closed", duration_s=1.0, concurrency=1)
TRIAL = Trial("p.t1", "p", 1, 1)


@dataclass(frozen=True)
class Row:
    """One operation, in milliseconds after T0; `end` None: it did not end; `start` None: it was dropped."""

    intended: float
    start: float | None
    end: float | None
    status: str = "ok"
    op: str = "get"
    phase: str = "steady"
    worker: int = 0
    error: str | None = None
    note: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    own: Mapping[str, Any] = field(default_factory=dict)


def at(ms: float | None) -> int | None:
    return None if ms is None else T0 + round(ms * MS)


def table(rows: Sequence[Row]) -> pa.Table:
    word = pa.dictionary(pa.int32(), pa.string())
    columns: dict[str, Any] = {
        "worker": pa.array([row.worker for row in rows], pa.int32()),
        "seq": pa.array(range(len(rows)), pa.int64()),
        "op": pa.array([row.op for row in rows], pa.string()).cast(word),
        "phase": pa.array([row.phase for row in rows], pa.string()).cast(word),
        "t_intended": pa.array([at(row.intended) for row in rows], pa.int64()),
        "t_start": pa.array([at(row.start) for row in rows], pa.int64()),
        "t_first": pa.array([None] * len(rows), pa.int64()),
        "t_last": pa.array([at(row.end) for row in rows], pa.int64()),
        "t_end": pa.array([at(row.end) for row in rows], pa.int64()),
        "status": pa.array([row.status for row in rows], pa.string()).cast(word),
        "error_kind": pa.array([row.error for row in rows], pa.string()).cast(word),
        "note": pa.array([row.note for row in rows], pa.string()),
        "bytes_out": pa.array([row.bytes_out for row in rows], pa.int64()),
        "bytes_in": pa.array([row.bytes_in for row in rows], pa.int64()),
    }
    for name in sorted({name for row in rows for name in row.own}):
        columns[name] = pa.array([row.own.get(name) for row in rows])
    return pa.table(columns)


def report(rows: Sequence[Row], worker: int = 0, **more: Any) -> dict[str, Any]:
    """What an honest worker says about its rows."""
    mine = [row for row in rows if row.worker == worker]
    ended: dict[str, int] = {}
    for row in mine:
        ended[row.status] = ended.get(row.status, 0) + 1
    dropped = ended.get("dropped", 0)
    return {
        "worker": worker,
        "t0_ns": T0,
        "scheduled": len(mine),
        "started": len(mine) - dropped,
        "dropped": dropped,
        "ended": ended,
        "late_with_free_slot": 0,
        **more,
    }


def samples(rows: Sequence[Row], **more: Any) -> Samples:
    workers = sorted({row.worker for row in rows}) or [0]
    return Samples(table(rows), tuple(report(rows, worker, **more) for worker in workers))


def point(load: Load = CLOSED, slo: Sequence[str] = (), *, name: str = "p", target: str = "t") -> LoadPoint:
    return LoadPoint(name, "w", "some", target, {}, load, "", tuple(slo))


def view(
    rows: Sequence[Row], load: Load = CLOSED, slo: Sequence[str] = (), family: str = "common", **more: Any
) -> View:
    parsed = [parse_slo(text, family) for text in slo]
    return view_of(point(load, slo), samples(rows, **more), parsed, family)


def users(count: int, length_ms: float, each: int, **more: Any) -> list[Row]:
    """`count` workers of one user each, doing `each` operations of one length, one after the other."""
    return [
        Row(index * length_ms, index * length_ms, (index + 1) * length_ms, worker=worker, **more)
        for worker in range(count)
        for index in range(each)
    ]
