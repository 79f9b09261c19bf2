"""Do two workers on two cores do twice what one does? Against a stub that answers at once, and what was the limit.

Requests: as many short ones as go, 32 connections per worker. Events: more streams than the generator can read, 100
events per second each. The stub has one core; each worker has one of its own where there are at least three, else
stub and second worker share one, which the last column says. Runs with one and with two workers take turns.
Goal: at least 1.8 times, where the stub leaves room. `AIFBENCH_BENCH_RUNS`, `AIFBENCH_BENCH_SECONDS` and
`AIFBENCH_BENCH_STREAMS` change it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from aifbench.load.calibrate import BUSY
from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from benchmarks.support.simulator import simulating
from benchmarks.support.trial import offer

RUNS = int(os.environ.get("AIFBENCH_BENCH_RUNS", "5"))
SECONDS = float(os.environ.get("AIFBENCH_BENCH_SECONDS", "8"))
STREAMS = int(os.environ.get("AIFBENCH_BENCH_STREAMS", "1024"))
CONNECTIONS = 32
TOKENS = 200
GOAL = 1.8


@dataclass(frozen=True)
class Seen:
    """`busiest` is the greatest share of a core that a worker used, `stub` the stub's of its own."""

    per_s: float
    per_cpu_s: float
    busiest: float
    stub: float


def layout() -> tuple[int, tuple[int, ...]]:
    """The stub's core and those of the workers: the first one, and the last ones."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], tuple(reversed(cores[-2:]))


def apart() -> bool:
    return len(os.sched_getaffinity(0)) > 2


def requests(workers: int) -> Seen:
    stub, cpus = layout()
    with TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder, "0ms", "1ms", stub, keep_record=False) as simulated:
            reports, _ = offer(
                folder,
                "http",
                {"path": "/instant"},
                Target("sim", "external", (Endpoint("http", simulated.url),)),
                Load("closed", duration_s=SECONDS, concurrency=CONNECTIONS * workers, workers=workers),
                cpus=cpus[:workers],
            )
    done = sum(report["ended"].get("ok", 0) for report in reports)
    return _seen(done, reports, simulated.load)


def events(workers: int) -> Seen:
    stub, cpus = layout()
    with TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder, "100ms", "10ms", stub, keep_record=False) as simulated:
            reports, samples = offer(
                folder,
                "llm-chat",
                {"input_tokens": 32, "output_tokens": TOKENS},
                Target("sim", "external", (Endpoint("openai", simulated.url),)),
                Load("closed", duration_s=SECONDS, concurrency=STREAMS, workers=workers, drain_s=0.5),
                prepared={"model": "simulated"},
                cpus=cpus[:workers],
            )
    read = sum(len(chunk.values) for chunk in samples.table["event_ns"].chunks)
    return _seen(read, reports, simulated.load)


def _seen(done: int, reports: object, stub: float) -> Seen:
    assert isinstance(reports, tuple | list)
    wall = max(report["window_wall_s"] for report in reports)
    cpu = sum(report["cpu_s"] for report in reports)
    busiest = max(report["cpu_s"] / report["window_wall_s"] for report in reports)
    return Seen(done / wall, done / cpu, busiest, stub)


def limit(two: list[Seen]) -> str:
    """What kept two workers from more."""
    if median(item.stub for item in two) > BUSY:
        return "the stub's core"
    if not apart():
        return "stub and second worker shared a core"
    return "the workers' cores" if median(item.busiest for item in two) > BUSY else "neither was busy all the time"


def print_table(title: str, measure: Callable[[int], Seen]) -> None:
    one: list[Seen] = []
    two: list[Seen] = []
    for number in range(RUNS):
        order = [(1, one), (2, two)]
        for workers, found in order if number % 2 == 0 else reversed(order):
            found.append(measure(workers))
    print(f"\n{title} (medians of {len(one)} runs of {SECONDS:g} s)")
    print(f"  {'workers':<10}{'per second':>12}{'per CPU second':>16}{'busiest worker':>16}{'stub':>8}")
    for workers, found in ((1, one), (2, two)):
        per_s, per_cpu_s, busiest, stub = (
            median(getattr(item, name) for item in found) for name in ("per_s", "per_cpu_s", "busiest", "stub")
        )
        print(f"  {workers:<10}{per_s:>12,.0f}{per_cpu_s:>16,.0f}{busiest:>16.0%}{stub:>8.0%}")
    ratios = sorted(b.per_s / a.per_s for a, b in zip(one, two, strict=True))
    each = median(b.per_cpu_s / a.per_cpu_s for a, b in zip(one, two, strict=True))
    print(f"  two ÷ one per CPU second: {each:.2f}, so {2 * each:.2f} times where nothing else limits them")
    print(f"  two ÷ one: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), goal {GOAL}; limit: {limit(two)}")


def main() -> None:
    stub, cpus = layout()
    print(f"load average before: {os.getloadavg()[0]:.1f}; stub on core {stub}, workers on {cpus[0]} and {cpus[1]}")
    print_table(f"requests, {CONNECTIONS} connections per worker", requests)
    print_table(f"events, {STREAMS} streams of 100/s", events)


if __name__ == "__main__":
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two cores are needed")
    main()
