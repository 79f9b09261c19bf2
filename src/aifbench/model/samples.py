"""All samples of one trial, as they come from its Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Samples:
    """`table` is a pyarrow.Table with one row per operation of all workers, `workers` their reports.

    `problems` says what could not be read; the rest is still usable.
    """

    table: Any
    workers: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...] = field(default=())
