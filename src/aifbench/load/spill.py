"""Ended operations that no longer fit in memory: moved to a file of the worker in short slices while the load runs.

What is moved is raw; contents are still looked at after the load. After a kill, whatever was moved can be read again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.model.operation import Operation
from aifbench.samples.write import refused

HELD_BYTES = 32 << 20
HELD_OPERATIONS = 20_000
HELD_NS = 10 * NS_PER_S
SLICE_NS = 1_000_000
SLICE_OPERATIONS = 64
SLICE_BYTES = 1 << 20
"""Of answers in one record: what is cut off by a kill is at most that, and writing it takes about a millisecond."""
BATCH_OPERATIONS = 5_000
BATCH_BYTES = 64 << 20
"""Of answers that are read back at a time."""


class Spill:
    """One worker's file. Operations are held in memory until there are many, they are large, or ten seconds old."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._working = False
        self._last_ns = monotonic_ns()
        self.held_bytes = 0
        self.moved = 0

    def work(self, operations: list[Operation]) -> None:
        """Move operations off the front of the list for about a millisecond, if it is time to."""
        now = monotonic_ns()
        if not self._working:
            large = self.held_bytes > HELD_BYTES or len(operations) > HELD_OPERATIONS
            if not operations or not (large or now - self._last_ns > HELD_NS):
                return
            self._working = True
            self.held_bytes = 0
        done = 0
        while done < len(operations) and monotonic_ns() - now < SLICE_NS:
            part = _slice(operations, done)
            self._move(part)
            done += len(part)
        del operations[:done]
        if not operations:
            self._working = False
            self._last_ns = now

    def _move(self, operations: list[Operation]) -> None:
        try:
            if self._file is None:
                self._file = self.path.open("wb", buffering=1 << 20)
            pickle.dump(operations, self._file, protocol=5)
            self._file.flush()
        except OSError as error:
            raise refused(error, self.path, "operations that ended") from error
        self.moved += len(operations)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _slice(operations: list[Operation], begin: int) -> list[Operation]:
    """From `begin` on as many as go into one record, at least one."""
    size = 0
    end = begin
    for end in range(begin, min(begin + SLICE_OPERATIONS, len(operations))):
        size += operations[end].bytes_in
        if size > SLICE_BYTES:
            break
    return operations[begin : end + 1]


def read(path: Path) -> Iterator[list[Operation]]:
    """What was moved, in batches and in order; a record cut off at the end is left out."""
    if not path.exists():
        return
    batch: list[Operation] = []
    size = 0
    with path.open("rb") as file:
        while True:
            try:
                record = pickle.load(file)  # noqa: S301 - written by this worker, in its own folder
            except (EOFError, pickle.UnpicklingError):
                break
            batch += record
            size += sum(operation.bytes_in for operation in record)
            if len(batch) >= BATCH_OPERATIONS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
