"""Whether a worker's part of the load fits into what the machine allows, before anything is connected. Pure."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from aifbench.errors import LoadError
from aifbench.load.limits import Limits
from aifbench.load.spill import HELD_BYTES, HELD_OPERATIONS
from aifbench.load.transport.http import AHEAD_BYTES
from aifbench.model.load import Load

SPARE_DESCRIPTORS = 64
"""For epoll, timers, samples, and what libraries open."""
BYTES_PER_EVENT = 600
"""Held per event until it is moved to disk (measured: docs/performance.md)."""
LEAST_EVENT_BYTES = 128
"""On the wire; with `HELD_BYTES` it bounds the number of events that are held."""
BYTES_PER_START = 52
"""An intended start: eight bytes in the schedule, and a Python integer in a list of the engine."""
REQUEST_BYTES = 4096
"""Of one request that is built ahead; a longer one only means that fewer are."""
TIME_WAIT_S = 60
"""How long Linux keeps a closed connection's port (TCP_TIMEWAIT_LEN)."""


@dataclass(frozen=True)
class Need:
    """What one worker takes.

    `connections` at once are declared by the load (users, or the cap on operations in flight; 0 where it says
    neither); there are never more than `most_connections`. `connects_per_minute` is 0 where connections are reused.
    """

    connections: int
    most_connections: int
    connects_per_minute: int
    held_bytes: int


def need_of(load: Load, starts: int, users: int, client: Any, workers: int) -> Need:
    """Of a worker that has so many intended starts and users.

    `client` may say `reuses_connections` (True when it does not), `events_per_operation` and `connections_per_slot`
    (1), and that it builds requests ahead by having `build_ahead`.
    """
    if load.closed:
        declared = most = users
    else:
        rate = (load.rate_per_s or 0.0) / workers
        declared = math.ceil((load.max_in_flight or 0) / workers)
        most = declared or min(starts, math.ceil(rate * load.timeout_s))
    planned = starts or load.operations or HELD_OPERATIONS
    reused = getattr(client, "reuses_connections", True)
    per_minute = 0 if reused or load.closed else min(starts, math.ceil((load.rate_per_s or 0) / workers * TIME_WAIT_S))
    events = min(planned, HELD_OPERATIONS) * int(getattr(client, "events_per_operation", 1))
    ahead = min(AHEAD_BYTES, planned * REQUEST_BYTES) if hasattr(client, "build_ahead") else 0
    held = min(events, HELD_BYTES // LEAST_EVENT_BYTES) * BYTES_PER_EVENT + starts * BYTES_PER_START + ahead
    each = int(getattr(client, "connections_per_slot", 1))
    return Need(declared * each, most * each, per_minute, held)


def judge(need: Need, limits: Limits, workers: int) -> None:
    """Raises LoadError, with the figure that is needed and the one that there is, where the load cannot fit."""
    _judge_descriptors(need, limits, workers)
    _judge_ports(need, limits, workers)
    if limits.available_bytes is not None and need.held_bytes * workers > limits.available_bytes:
        raise LoadError(
            f"the load needs about {_mib(need.held_bytes * workers)} of memory in {workers} workers, "
            f"and {_mib(limits.available_bytes)} are available",
            hint="shorten load.duration, lower load.rate_per_s, or free memory",
        )


def _judge_descriptors(need: Need, limits: Limits, workers: int) -> None:
    needed = descriptors(need.connections, limits)
    if needed <= limits.hard_descriptors:
        return
    room = max(1, limits.hard_descriptors - limits.open_descriptors - SPARE_DESCRIPTORS)
    more = math.ceil(need.connections * workers / room)
    raise LoadError(
        f"{need.connections:,} connections at once need {needed:,} file descriptors in each worker, "
        f"and this machine allows a process {limits.hard_descriptors:,}",
        hint=f"load.workers: {more} would share them out; or lower load.concurrency or load.max_in_flight; "
        f"or raise the limit: ulimit -n {needed}",
    )


def _judge_ports(need: Need, limits: Limits, workers: int) -> None:
    at_once = need.connections * workers
    if limits.ports is not None and at_once > limits.ports:
        raise LoadError(
            f"{at_once:,} connections at once to one address need as many local ports, "
            f"and this machine has {limits.ports:,} for one destination",
            hint="lower load.concurrency, or widen the range: sysctl net.ipv4.ip_local_port_range='1024 65535'",
        )


def descriptors(connections: int, limits: Limits) -> int:
    """How many a worker with so many connections has open."""
    return limits.open_descriptors + SPARE_DESCRIPTORS + connections


def told(need: Need, before: Limits, limit: int) -> dict[str, Any]:
    """What goes into the worker's report. `limit`: of descriptors, once it was raised."""
    return {
        "needed_descriptors": descriptors(need.connections, before),
        "descriptors": limit,
        "connects_per_minute": need.connects_per_minute,
        "needed_bytes": need.held_bytes,
        "before": asdict(before),
    }


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MiB"
