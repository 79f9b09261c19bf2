"""What an engine counts while it runs; becomes the worker's report."""

from __future__ import annotations

from dataclasses import dataclass, field

from aifbench.model.operation import CANCELLED, OK

LATE_NS = 1_000_000
"""From this lag on a start counts as late: ten times what the loop's timer needs on an idle core."""


@dataclass
class Tally:
    """Counts and wake-up lags of one worker. `scheduled` operations were due by the end of the offered load.

    `wake_lag_ns` are those of timers for starts and of the engine's own; `begin_lag_ns` is that of T0.

    `retried` are operations beyond the schedule. `stop_code` is a code of `load.stopping`, `stopped_early` its words.
    """

    scheduled: int = 0
    started: int = 0
    dropped: int = 0
    ended: int = 0
    errors: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    late_with_free_slot: int = 0
    slots_opened_in_load: int = 0
    wake_lag_ns: list[int] = field(default_factory=list)
    begin_lag_ns: int | None = None
    retried: int = 0
    stopped_early: str = ""
    stop_code: str = ""

    def began(self) -> None:
        self.started += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def finished(self, status: str) -> None:
        self.in_flight -= 1
        self.ended += 1
        self.errors += status not in (OK, CANCELLED)


def spread(values: list[int]) -> dict[str, int | None]:
    """Median, 99th percentile and maximum of nanoseconds; None for an empty list."""
    if not values:
        return {"p50": None, "p99": None, "max": None}
    ordered = sorted(values)
    last = len(ordered) - 1
    return {"p50": ordered[last // 2], "p99": ordered[min(last, int(last * 0.99 + 0.999))], "max": ordered[-1]}
