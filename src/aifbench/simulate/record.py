"""What the simulator really did: per request, when it came, when each event was due and when it was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Exchange:
    """One request. All times are monotonic nanoseconds of the simulator's machine; 0 means never."""

    number: int
    path: str
    received_ns: int
    began_ns: int = 0
    ended_ns: int = 0
    due_ns: list[int] = field(default_factory=list)
    written_ns: list[int] = field(default_factory=list)
    fault: str = ""


def to_table(exchanges: list[Exchange]) -> Any:
    """A pyarrow Table with one row per request."""
    import pyarrow as pa

    return pa.table(
        {
            "number": pa.array([exchange.number for exchange in exchanges], pa.int64()),
            "path": pa.array([exchange.path for exchange in exchanges], pa.string()),
            "received_ns": pa.array([exchange.received_ns for exchange in exchanges], pa.int64()),
            "began_ns": pa.array([exchange.began_ns or None for exchange in exchanges], pa.int64()),
            "ended_ns": pa.array([exchange.ended_ns or None for exchange in exchanges], pa.int64()),
            "due_ns": pa.array([exchange.due_ns for exchange in exchanges], pa.list_(pa.int64())),
            "written_ns": pa.array([exchange.written_ns for exchange in exchanges], pa.list_(pa.int64())),
            "fault": pa.array([exchange.fault or None for exchange in exchanges], pa.string()),
        }
    )


def write(exchanges: list[Exchange], path: Path) -> None:
    import pyarrow.parquet as pq

    partial = path.with_suffix(".partial")
    pq.write_table(to_table(exchanges), partial)
    partial.replace(path)
