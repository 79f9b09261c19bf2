"""Progress of one worker: a few counters in a memory-mapped file, written without a system call.

The controller reads it whenever it likes; nothing is sent. A torn read can only show a count of a moment ago.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from aifbench.samples.write import refused

_FIELDS = struct.Struct("=6q")


@dataclass(frozen=True)
class Progress:
    """Counts since T0. `offered` operations were due, `started` were sent, `ended` came back, `errors` of them failed.

    `phase` is 0 before T0, 1 in warm-up, 2 in the steady phase, 3 while draining, 4 when writing, 5 at the end.
    """

    offered: int = 0
    started: int = 0
    ended: int = 0
    errors: int = 0
    dropped: int = 0
    phase: int = 0


PHASE_NAMES = ("starting", "warm-up", "steady", "draining", "writing", "ended")


class ProgressWriter:
    def __init__(self, path: Path) -> None:
        try:
            with path.open("wb+") as file:
                file.truncate(_FIELDS.size)
                self._map = mmap.mmap(file.fileno(), _FIELDS.size)
        except OSError as error:
            raise refused(error, path, "the counters of progress") from error

    def put(self, now: Progress) -> None:
        _FIELDS.pack_into(
            self._map, 0, now.offered, now.started, now.ended, now.errors, now.dropped, now.phase
        )  # plain memory: no system call

    def close(self) -> None:
        self._map.close()


def read(path: Path) -> Progress:
    """The counters now; all zero when the worker has not made the file yet."""
    try:
        data = path.read_bytes()
    except OSError:
        return Progress()
    return Progress(*_FIELDS.unpack(data)) if len(data) == _FIELDS.size else Progress()


def total(parts: list[Progress]) -> Progress:
    """Counts summed; the phase is the earliest of all workers."""
    if not parts:
        return Progress()
    return Progress(
        offered=sum(part.offered for part in parts),
        started=sum(part.started for part in parts),
        ended=sum(part.ended for part in parts),
        errors=sum(part.errors for part in parts),
        dropped=sum(part.dropped for part in parts),
        phase=min(part.phase for part in parts),
    )
