"""Receive times taken by the kernel, brought to the monotonic clock.

With SO_TIMESTAMPNS the kernel says when the last byte of a read arrived, however late the process came to read it
(Linux, socket(7)). The stamp is CLOCK_REALTIME, so the offset between the clocks is tracked while the load runs; a
step of the wall clock shows as a jump of that offset and makes the stamps around it unusable.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from aifbench.clock import anchor

SO_TIMESTAMPNS = 35
ANCILLARY_SIZE = socket.CMSG_SPACE(16)
STEP_NS = 1_000_000
"""An offset that moves by more than this between two looks was stepped, not slewed: NTP slews at most 500 µs/s, and
there are ten looks per second."""


def enable(sock: socket.socket) -> bool:
    """Ask for stamps; False where the platform has none."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Offset:
    """Monotonic minus wall clock, as seen at one moment."""

    wall_ns: int
    difference_ns: int


@dataclass(frozen=True)
class Decoded:
    """Monotonic nanoseconds; `replaced` of them are the read's own time, because the kernel's could not be used."""

    stamps: list[int]
    replaced: int


class KernelClock:
    """Collects offsets; converts stamps after the load."""

    def __init__(self) -> None:
        self._offsets: list[Offset] = []

    def look(self) -> None:
        now = anchor()
        self._offsets.append(Offset(now.wall_ns, now.monotonic_ns - now.wall_ns))

    @property
    def steps(self) -> int:
        """How often the wall clock was stepped."""
        return len(self._step_indices())

    def _step_indices(self) -> list[int]:
        offsets = self._offsets
        return [
            index
            for index in range(1, len(offsets))
            if abs(offsets[index].difference_ns - offsets[index - 1].difference_ns) > STEP_NS
        ]

    def convert(self, raw: Sequence[bytes], read_ns: Sequence[int]) -> Decoded:
        """Monotonic nanoseconds for each stamp, interpolated between looks.

        `read_ns` are the monotonic times of the reads. A stamp is replaced by its read's time where the kernel gave
        none, where it lies after the read or more than ten seconds before it, or where the clock was stepped; all
        are when no offset was ever looked at.
        """
        import numpy as np

        reads = np.asarray(read_ns, dtype=np.int64)
        if not raw or not self._offsets:
            return Decoded(list(read_ns), len(raw))
        blank = b"\0" * 16
        words = np.frombuffer(b"".join(stamp if len(stamp) == 16 else blank for stamp in raw), dtype=np.int64)
        wall = words[0::2] * 1_000_000_000 + words[1::2]
        looks = np.array([offset.wall_ns for offset in self._offsets], dtype=np.float64)
        base = self._offsets[0].difference_ns
        drift = np.array([offset.difference_ns - base for offset in self._offsets], dtype=np.float64)
        stamps = wall + base + np.rint(np.interp(wall.astype(np.float64), looks, drift)).astype(np.int64)
        good = (wall > 0) & (stamps <= reads + 20_000) & (stamps > reads - 10_000_000_000)
        for index in self._step_indices():
            before, after = sorted((looks[index - 1], looks[index]))
            good &= ~((wall >= before - 1e6) & (wall <= after + 1e6))
        return Decoded(np.where(good, np.minimum(stamps, reads), reads).tolist(), int((~good).sum()))
