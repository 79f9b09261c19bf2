"""How long a million arrivals take, per process, beside numpy's own draw of as many exponential numbers.

Medians; `AIFBENCH_BENCH_RUNS` says of how many. The goal is under one second for each process.
"""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from aifbench import plan
from aifbench.clock import monotonic_ns
from aifbench.load.schedule import whole
from aifbench.recipe.load_section import resolve

RUNS = int(os.environ.get("AIFBENCH_BENCH_RUNS", "5"))
COUNT = 1_000_000
LENGTH_S = 100.0
RATE = COUNT / LENGTH_S

LOADS: dict[str, dict[str, Any]] = {
    "constant": {"rate_per_s": RATE, "duration": LENGTH_S},
    "poisson": {"rate_per_s": RATE, "duration": LENGTH_S},
    "gamma": {"rate_per_s": RATE, "duration": LENGTH_S, "cv": 2},
    "uniform": {"rate_per_s": RATE, "duration": LENGTH_S},
    "burst": {"burst_rate": 1.5 * RATE, "base_rate": 0.5 * RATE, "on": 1, "off": 1, "duration": LENGTH_S},
    "ramp": {"from_rate": 0, "to_rate": 2 * RATE, "duration": LENGTH_S},
    "steps": {"steps": [{"rate_per_s": RATE * step / 50, "duration": 1} for step in range(100)]},
    "trace": {"file": "trace.csv", "loop": True, "duration": LENGTH_S},
    "sequence": {
        "sequence": [
            {"arrival": "poisson", "rate_per_s": RATE, "duration": LENGTH_S / 2},
            {"arrival": "gamma", "cv": 0.5, "rate_per_s": RATE, "duration": LENGTH_S / 2},
        ]
    },
}


def median_s(work: Any) -> float:
    """Of `RUNS` calls after one that is not counted."""
    work()
    seen = []
    for _ in range(RUNS):
        before = monotonic_ns()
        work()
        seen.append((monotonic_ns() - before) / 1e9)
    return median(seen)


def main() -> None:
    reference = median_s(lambda: np.random.Generator(np.random.PCG64(1)).exponential(1.0, size=COUNT))
    print(f"{'numpy exponential':18} {COUNT:>9,} {reference * 1e3:8.1f} ms   median of {RUNS}")
    words = plan.vocabulary()
    with TemporaryDirectory() as folder:
        times = np.cumsum(np.random.Generator(np.random.PCG64(2)).exponential(1 / RATE, size=COUNT // 10))
        Path(folder, "trace.csv").write_text("timestamp\n" + "\n".join(f"{time:.6f}" for time in times) + "\n")
        for kind, keys in LOADS.items():
            load, found = resolve({"arrival": kind, "warmup": 0, **keys}, words, folder)
            if load is None:
                raise SystemExit(f"{kind}: {found}")
            count = len(whole(load, 1))
            seconds = median_s(lambda load=load: whole(load, 1))
            print(f"{kind:18} {count:>9,} {seconds * 1e3:8.1f} ms {seconds / reference:6.1f} x numpy")


if __name__ == "__main__":
    main()
