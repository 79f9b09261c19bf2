"""How soon after the simulator wrote an event is it stamped? By the kernel, and by the client that reads it.

Delay of an event: our stamp minus the moment just before the simulator wrote it, in the same machine's clock. The
number of streams is chosen first so that the client uses about 40 % of its core, then runs with kernel stamps and runs
with user stamps take turns. A stamp of the kernel is that of a read's last byte, so where a read held several events
the earlier ones are stamped late: their number is printed. Goal: p99 of at most 50 µs with kernel stamps.
`AIFBENCH_BENCH_RUNS` and `AIFBENCH_BENCH_SECONDS` shorten it, `AIFBENCH_BENCH_STREAMS` fixes the streams.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from benchmarks.support.simulator import simulating, two_cores
from benchmarks.support.trial import offer

RUNS = int(os.environ.get("AIFBENCH_BENCH_RUNS", "5"))
SECONDS = float(os.environ.get("AIFBENCH_BENCH_SECONDS", "8"))
STREAMS = int(os.environ.get("AIFBENCH_BENCH_STREAMS", "0"))
FIRST_STREAMS = 128
WANTED_SHARE = 0.40
TOKENS = 100
GOAL_US = 50.0

Stamps = Literal["kernel", "user"]


@dataclass(frozen=True)
class Seen:
    """Delays in microseconds. `share` is of the client's core; `together`: events with a later one's stamp."""

    p50: float
    p99: float
    p999: float
    events_per_s: float
    share: float
    together: float
    simulator: float


def one(streams: int, stamps: Stamps, seconds: float) -> Seen:
    server, client = two_cores()
    with TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder, "100ms", "10ms", server) as simulated:
            (report, *_), samples = offer(
                folder,
                "llm-chat",
                {"input_tokens": 32, "output_tokens": TOKENS},
                Target("sim", "external", (Endpoint("openai", simulated.url),)),
                Load("closed", duration_s=seconds, concurrency=streams, timestamps=stamps),
                prepared={"model": "simulated"},
                cpus=() if client is None else (client,),
            )
    written = dict(zip(simulated.exchanges["number"], simulated.exchanges["written_ns"], strict=True))
    delays, together, events = [], 0, 0
    for row in samples.table.select(["status", "response_id", "event_ns"]).to_pylist():
        truth = written[int(row["response_id"].split("-")[1])] if row["status"] == "ok" else []
        own = row["event_ns"]
        if truth and len(own) == len(truth):
            delays.append(np.asarray(own) - np.asarray(truth))
            together += len(own) - len(set(own))
            events += len(own)
    us = np.concatenate(delays) / 1e3
    p50, p99, p999 = (float(np.percentile(us, q)) for q in (50, 99, 99.9))
    share = report["cpu_s"] / report["window_wall_s"]
    return Seen(p50, p99, p999, events / report["window_wall_s"], share, together / events, simulated.load)


def streams_for(share: float) -> int:
    """How many streams take this share of the client's core, by what a few take."""
    seen = one(FIRST_STREAMS, "kernel", min(SECONDS, 3.0))
    return max(1, round(FIRST_STREAMS * share / seen.share))


def middle(seen: list[Seen], field: str) -> float:
    return float(median(getattr(item, field) for item in seen))


def main() -> None:
    print(f"load average before: {os.getloadavg()[0]:.1f}")
    streams = STREAMS or streams_for(WANTED_SHARE)
    kernel: list[Seen] = []
    user: list[Seen] = []
    for number in range(RUNS):
        order: list[tuple[Stamps, list[Seen]]] = [("kernel", kernel), ("user", user)]
        for stamps, found in order if number % 2 == 0 else reversed(order):
            found.append(one(streams, stamps, SECONDS))
    print(f"{streams} streams of 100 events/s (medians of {len(kernel)} runs of {SECONDS:g} s)")
    print(f"  {'':<34}{'kernel':>12}{'user':>12}")
    for label, field, form in (
        ("delay p50, µs", "p50", "{:,.1f}"),
        (f"delay p99, µs (goal {GOAL_US:g})", "p99", "{:,.1f}"),
        ("delay p99.9, µs", "p999", "{:,.1f}"),
        ("events per second", "events_per_s", "{:,.0f}"),
        ("client's share of its core", "share", "{:.0%}"),
        ("events stamped with a later one", "together", "{:.2%}"),
        ("simulator's share of its core", "simulator", "{:.0%}"),
    ):
        print(f"  {label:<34}{form.format(middle(kernel, field)):>12}{form.format(middle(user, field)):>12}")
    ratio = median(b.p99 / a.p99 for a, b in zip(kernel, user, strict=True))
    print(f"  {'delay p99, user ÷ kernel':<34}{ratio:>12.1f}")


if __name__ == "__main__":
    main()
