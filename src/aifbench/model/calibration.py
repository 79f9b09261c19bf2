"""What the generator itself can do on a machine, as `aifbench calibrate` found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CALIBRATION_SCHEMA = 1
EVENTS = "sse"
"""The row for events of streams; the requests that begin the streams have the row of their own transport."""

Limit = Literal["generator", "stub", "neither"]


@dataclass(frozen=True)
class Ceiling:
    """One transport. `per_cpu_s`: units that one worker does with a whole core, which is its ceiling.

    `reached_per_s` is the highest rate that was seen, `worker_share` and `stub_share` how busy the two cores were
    then (`stub_share` None where no other process answers), and `limit` which of the two was the limit. Where it was
    the stub, the ceiling is reckoned from the worker's CPU time and not seen.
    Lags are those of a load at half of the ceiling (at most `LAG_RATE_PER_S` operations); `read_delay` is the time
    that received bytes waited in the kernel for the generator, None where the kernel does not stamp.
    """

    transport: str
    unit: str
    per_cpu_s: float
    reached_per_s: float
    worker_share: float
    stub_share: float | None
    limit: Limit
    lag_rate_per_s: float
    send_lag_p50_s: float | None
    send_lag_p99_s: float | None
    read_delay_p50_s: float | None = None
    read_delay_p99_s: float | None = None
    timestamps: str | None = None


@dataclass(frozen=True)
class Calibration:
    """`apart`: generator and stub had a core each. `clock_step_ns`: between two readings of the clock (p50, p99)."""

    schema: int
    aifbench: str
    host: str
    cpu: str | None
    kernel: str
    timestamps: str
    taken: str
    apart: bool
    clock_step_ns: Mapping[str, float]
    ceilings: Mapping[str, Ceiling] = field(default_factory=dict)


def needed(requests_per_s: float, events_per_s: float, transport: str, calibration: Mapping[str, Any]) -> float | None:
    """Share of one worker's core; None when the calibration (plain JSON) lacks a transport that is needed.

    R requests and E events per second need R / C + E / D of the core, where C and D are what one worker can do with
    a whole one: the parts add up because they are CPU time.
    """
    ceilings = calibration.get("ceilings") or {}
    total = 0.0
    for name, rate in ((transport, requests_per_s), (EVENTS, events_per_s)):
        if rate <= 0:
            continue
        ceiling = (ceilings.get(name) or {}).get("per_cpu_s")
        if not ceiling:
            return None
        total += rate / float(ceiling)
    return total
