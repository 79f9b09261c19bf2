"""Do actual starts follow a Poisson process? Ten seeded runs at each rate, against the cheap answer of the simulator.

Per run two Kolmogorov–Smirnov distances of the actual starts: of their instants from the uniform distribution over the
load (which is what a Poisson process has, given its number), and of the gaps between them from the exponential
distribution, beside that of the intended gaps (what chance alone gives), and the critical value at 5 %. The gaps are
the harder test: a worker that needs c seconds from one start to the next turns all gaps below c into c, which is a
distance of 1 − exp(−rate · c); several workers take neighbouring starts in turn and have no such bound.
Goals: below the critical value in at least 9 of 10 runs; send lag p50 under 0.1 ms and p99 under 1 ms.
The simulator runs on one core and the client on another. `AIFBENCH_BENCH_RUNS`, `AIFBENCH_BENCH_SECONDS` and
`AIFBENCH_BENCH_WORKERS` change it.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from aifbench.metrics.arrivals import exponential_distance, gaps_s
from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from benchmarks.support.simulator import simulating, two_cores
from benchmarks.support.trial import offer

RUNS = int(os.environ.get("AIFBENCH_BENCH_RUNS", "10"))
SECONDS = float(os.environ.get("AIFBENCH_BENCH_SECONDS", "30"))
WORKERS = int(os.environ.get("AIFBENCH_BENCH_WORKERS", "1"))
RATES = (200.0, 2000.0)
LAG_P50_MS, LAG_P99_MS = 0.1, 1.0


@dataclass(frozen=True)
class Seen:
    """`critical` is the distance that 5 % of all true Poisson processes of this length exceed: 1.358 / √n."""

    starts: int
    instants: float
    gaps: float
    intended: float
    critical: float
    lag_p50_ms: float
    lag_p99_ms: float


def uniform_distance(start_ns: npt.NDArray[np.int64]) -> float:
    """Of instants after T0 from the uniform distribution over the load."""
    share = np.sort(start_ns) / (SECONDS * 1e9)
    n = len(share)
    return float(max((np.arange(1, n + 1) / n - share).max(), (share - np.arange(n) / n).max()))


def one(rate: float, seed: int, folder: Path) -> Seen:
    server, client = two_cores()
    with simulating(folder, "0ms", "0ms", server) as simulated:
        reports, samples = offer(
            folder,
            "http",
            {"path": "/instant"},
            Target("sim", "external", (Endpoint("http", simulated.url),)),
            Load("poisson", duration_s=SECONDS, rate_per_s=rate, workers=WORKERS),
            seed=seed,
            cpus=() if client is None else (client,),
        )
    table = samples.table
    start = np.asarray(table.column("t_start").to_numpy(), np.int64)
    intended = np.asarray(table.column("t_intended").to_numpy(), np.int64)
    lag_ms = (start - intended) / 1e6
    gaps = gaps_s(start)
    return Seen(
        starts=len(start),
        instants=uniform_distance(start - reports[0]["t0_ns"]),
        gaps=exponential_distance(gaps, rate)[0],
        intended=exponential_distance(gaps_s(intended), rate)[0],
        critical=1.358 / math.sqrt(len(gaps)),
        lag_p50_ms=float(np.percentile(lag_ms, 50)),
        lag_p99_ms=float(np.percentile(lag_ms, 99)),
    )


def main() -> None:
    busy = os.getloadavg()[0]
    print(f"{RUNS} runs of {SECONDS:g} s at each rate, {WORKERS} workers; load average before: {busy:.1f}")
    print(" rate/s  seed  starts  KS times  KS gaps  intended  critical    lag p50    lag p99")
    for rate in RATES:
        seen = []
        for seed in range(1, RUNS + 1):
            with TemporaryDirectory() as folder:
                found = one(rate, seed, Path(folder))
            seen.append(found)
            print(
                f"{rate:7.0f} {seed:5} {found.starts:7} {found.instants:9.4f} {found.gaps:8.4f} {found.intended:9.4f}"
                f" {found.critical:9.4f} {found.lag_p50_ms:7.3f} ms {found.lag_p99_ms:7.3f} ms"
            )
        p50 = float(np.median([found.lag_p50_ms for found in seen]))
        p99 = float(np.median([found.lag_p99_ms for found in seen]))
        times = sum(found.instants < found.critical for found in seen)
        gaps = sum(found.gaps < found.critical for found in seen)
        chance = sum(found.intended < found.critical for found in seen)
        print(
            f"{rate:7.0f}/s: below the critical value: times {times}, gaps {gaps}, intended gaps {chance} "
            f"of {len(seen)}; medians of lag p50 {p50:.3f} ms (goal {LAG_P50_MS}), p99 {p99:.3f} ms (goal {LAG_P99_MS})"
        )


if __name__ == "__main__":
    main()
