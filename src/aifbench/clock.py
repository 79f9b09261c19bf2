"""The only module that reads the time or waits.

Durations and samples use the monotonic clock in integer nanoseconds; the wall clock appears only in anchors (one
reading of both clocks) and in the names and journals of runs.
A `Clock` can be handed to code that must be testable without waiting: `VIRTUAL` tests pass `VirtualClock`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic_ns as monotonic_ns
from time import process_time_ns as process_time_ns
from time import thread_time_ns as thread_time_ns
from typing import Protocol

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Anchor:
    """One reading of both clocks, so that monotonic stamps of a process can be placed on the wall clock.

    `error_ns` bounds the anchor's own uncertainty: half the time that passed around the wall-clock reading.
    """

    monotonic_ns: int
    wall_ns: int
    error_ns: int


class Clock(Protocol):
    def now_ns(self) -> int:
        """Monotonic nanoseconds; only differences mean something."""
        ...

    def sleep_s(self, seconds: float) -> None: ...


class SystemClock:
    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep_s(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class VirtualClock:
    """Moves only when somebody sleeps: whole-program tests run at once and see exact times."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_s(self, seconds: float) -> None:
        self._now_ns += max(0, round(seconds * NS_PER_S))


SYSTEM = SystemClock()


def sleep_s(seconds: float) -> None:
    SYSTEM.sleep_s(seconds)


def sleep_until_ns(when_ns: int) -> None:
    """Return at or just after the monotonic instant; the kernel's high-resolution timer is about 0.1 ms late."""
    while (left := when_ns - time.monotonic_ns()) > 0:
        time.sleep(left / NS_PER_S)


def anchor() -> Anchor:
    """The tightest of five readings of both clocks."""
    best = Anchor(0, 0, 1 << 62)
    for _ in range(5):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        error = (after - before + 1) // 2
        if error < best.error_ns:
            best = Anchor((before + after) // 2, wall, error)
    return best


def utc_now() -> datetime:
    return datetime.now(UTC)


def utc_text(ns: int | None = None) -> str:
    """RFC 3339 with milliseconds, in UTC: `2026-11-21T14:15:00.123Z`."""
    moment = utc_now() if ns is None else datetime.fromtimestamp(ns / NS_PER_S, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
