"""All that the workers of one trial recorded, read back: what every metric is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Samples:
    """`table` is a pyarrow Table, one row per operation, all workers together; its stamps are monotonic nanoseconds.

    Stamps of all rows are on one clock, that of the trial's reference machine.
    `workers` has one mapping per worker that reported (the keys of its report and of its file's metadata).
    `problems` says what could not be read, such as a truncated file that was left out.
    """

    table: Any
    workers: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
