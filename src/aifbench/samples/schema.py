"""The columns that every sample has, whatever the workload. Workloads add their own behind these."""

from __future__ import annotations

from typing import Any

SAMPLES_SCHEMA = 1

CONSTANT_COLUMNS = ("run", "point", "trial", "worker")
TIME_COLUMNS = ("t_intended", "t_start", "t_first", "t_last", "t_end")
"""Monotonic nanoseconds of the worker's machine; null when it did not happen."""

CORE_COLUMNS = (
    *CONSTANT_COLUMNS, "seq", "op", "phase", *TIME_COLUMNS, "status", "error_kind", "note", "bytes_out", "bytes_in",
    "retry_of",
)  # fmt: skip

METADATA_KEY = b"aifbench"


def arrow_schema() -> Any:
    """The core columns as a pyarrow schema."""
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            ("run", word),
            ("point", word),
            ("trial", pa.int32()),
            ("worker", pa.int32()),
            ("seq", pa.int64()),
            ("op", word),
            ("phase", word),
            *((name, pa.int64()) for name in TIME_COLUMNS),
            ("status", word),
            ("error_kind", word),
            ("note", pa.string()),
            ("bytes_out", pa.int64()),
            ("bytes_in", pa.int64()),
            ("retry_of", pa.int64()),
        ]
    )
