"""Does the worker's memory stay flat? Ten minutes of 200 streams with 100 events per second each: 20,000 events/s.

Resident memory of the worker is read during the load; ended operations go to disk after ten seconds, so from then on
it should not grow. Goals: within ± 10 % of its mean from the first tenth on (and not before 20 s), and at most 0.6 KB
per event held, which is the growth until operations are first moved, over the events read until then. The simulator
keeps no record.
`AIFBENCH_BENCH_SECONDS` changes the length (600), `AIFBENCH_BENCH_STREAMS` the number of streams (200).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from aifbench.load.progress import Progress
from aifbench.load.spill import HELD_NS
from aifbench.load.trial import TrialControl
from aifbench.model.load import Load
from aifbench.model.process import Handle
from aifbench.model.service import Endpoint, Target
from benchmarks.support.simulator import simulating, two_cores
from benchmarks.support.trial import offer

SECONDS = float(os.environ.get("AIFBENCH_BENCH_SECONDS", "600"))
STREAMS = int(os.environ.get("AIFBENCH_BENCH_STREAMS", "200"))
TOKENS = 200
ROWS = 10
SETTLED_S = 2 * HELD_NS / 1e9
MIB = 1 << 20
GOAL_BYTES, GOAL_SHARE = 600.0, 0.10


@dataclass(frozen=True)
class Look:
    elapsed_s: float
    rss: int
    moved: int  # bytes of ended operations on disk


@dataclass
class Watch(TrialControl):
    """Reads the worker's memory whenever the controller looks after it."""

    scratch: Path
    pid: int = 0
    looks: list[Look] = field(default_factory=list)

    def on_submit(self, handle: Handle) -> None:
        self.pid = int(handle.record["pid"])

    def on_progress(self, progress: Progress, elapsed_s: float) -> None:
        if not 0 <= elapsed_s <= SECONDS:
            return
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return
        spill = self.scratch / "w0" / "spill"
        moved = spill.stat().st_size if spill.exists() else 0
        self.looks.append(Look(elapsed_s, pages * os.sysconf("SC_PAGE_SIZE"), moved))


def main() -> None:
    server, client = two_cores()
    print(f"{STREAMS} streams of 100 events/s for {SECONDS:g} s; load average before: {os.getloadavg()[0]:.1f}")
    with TemporaryDirectory() as name:
        folder = Path(name)
        watch = Watch(folder / "scratch")
        with simulating(folder, "100ms", "10ms", server, keep_record=False) as simulated:
            (report, *_), samples = offer(
                folder,
                "llm-chat",
                {"input_tokens": 32, "output_tokens": TOKENS},
                Target("sim", "external", (Endpoint("openai", simulated.url),)),
                Load("closed", duration_s=SECONDS, concurrency=STREAMS),
                prepared={"model": "simulated"},
                cpus=() if client is None else (client,),
                hooks=watch,
            )
    chunks = samples.table["event_ns"].chunks
    read_s = (np.sort(np.concatenate([chunk.values.to_numpy() for chunk in chunks])) - report["t0_ns"]) / 1e9
    print(f"  {'elapsed, s':>10}{'resident, MiB':>15}{'moved, MiB':>12}{'events':>14}")
    for share in range(ROWS + 1):
        look = min(watch.looks, key=lambda one: abs(one.elapsed_s - SECONDS * share / ROWS))
        events = int(np.searchsorted(read_s, look.elapsed_s))
        print(f"  {look.elapsed_s:>10.1f}{look.rss / MIB:>15.1f}{look.moved / MIB:>12.1f}{events:>14,}")
    settled = [look for look in watch.looks if look.elapsed_s > max(SECONDS / ROWS, SETTLED_S)]
    later = np.array([look.rss for look in settled], dtype=np.float64)
    apart = f"{np.abs(later / later.mean() - 1).max():.1%}" if settled else "n/a (too short)"
    held = [look for look in watch.looks if look.moved == 0]
    events = int(np.searchsorted(read_s, held[-1].elapsed_s))
    each = (held[-1].rss - watch.looks[0].rss) / max(events, 1)
    window = report["window_wall_s"]
    print(f"  events per second                            {len(read_s) / window:,.0f}")
    print(f"  furthest from the mean once settled          {apart} (goal {GOAL_SHARE:.0%})")
    print(
        f"  bytes per event held                         {each:,.0f} (goal {GOAL_BYTES:,.0f}; over {events:,} events)"
    )
    print(f"  most resident, with parsing and writing, MiB {report['max_rss_bytes'] / MIB:,.0f}")
    print(f"  client's share of its core                   {report['cpu_s'] / window:.0%}")
    print(f"  simulator's share of its core                {simulated.load:.0%}")


if __name__ == "__main__":
    main()
