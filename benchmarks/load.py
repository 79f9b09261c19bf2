"""Is what the generator reports what the server did? Against a server of known timing, beside a plain aiohttp client.

The simulator runs on one core and the client on another; both sides are measured in turn and medians are printed.
Error of TTFT: our stamp of the first content event minus the moment the simulator wrote it. Error of a gap: the
difference between our gap and the simulator's. `AIFBENCH_BENCH_RUNS` and `AIFBENCH_BENCH_SECONDS` shorten it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from benchmarks.support.simulator import Simulated, simulating, two_cores
from benchmarks.support.trial import offer

RUNS = int(os.environ.get("AIFBENCH_BENCH_RUNS", "5"))
SECONDS = float(os.environ.get("AIFBENCH_BENCH_SECONDS", "8"))


@dataclass(frozen=True)
class Scene:
    title: str
    streams: int
    gap_ms: int
    tokens: int

    @property
    def wanted_per_s(self) -> float:
        """Events per second when nobody is late: every user streams without a pause."""
        return self.streams * self.tokens / (0.1 + (self.tokens - 1) * self.gap_ms / 1e3)


@dataclass(frozen=True)
class Seen:
    """One measurement: errors in milliseconds, events per CPU second, share of the wanted load, simulator's core."""

    ttft_p50: float
    ttft_p99: float
    gap_p99: float
    per_cpu_s: float
    reached: float
    simulator: float


def judge(streams: list[dict[str, Any]], simulated: Simulated, cpu_s: float, wanted: float, wall_s: float) -> Seen:
    """Streams have `number` (the simulator's) and `stamps`; compared event by event with the record."""
    record = simulated.exchanges
    written = dict(zip(record["number"], record["written_ns"], strict=True))
    first, gaps, events = [], [], 0
    for stream in streams:
        truth = written[stream["number"]]
        stamps = stream["stamps"]
        events += len(stamps)
        if len(stamps) != len(truth):
            continue
        first.append(stamps[0] - truth[0])
        gaps.append(np.abs(np.diff(stamps) - np.diff(truth)))
    ttft = np.abs(np.array(first)) / 1e6
    return Seen(
        ttft_p50=float(np.percentile(ttft, 50)),
        ttft_p99=float(np.percentile(ttft, 99)),
        gap_p99=float(np.percentile(np.concatenate(gaps), 99)) / 1e6,
        per_cpu_s=events / cpu_s,
        reached=events / wall_s / wanted,
        simulator=simulated.load,
    )


def ours(scene: Scene, folder: Path) -> Seen:
    """The whole product: a worker process, samples written."""
    server, client = two_cores()
    with simulating(folder, "100ms", f"{scene.gap_ms}ms", server) as simulated:
        reports, samples = offer(
            folder,
            "llm-chat",
            {"input_tokens": 32, "output_tokens": scene.tokens},
            Target("sim", "external", (Endpoint("openai", simulated.url),)),
            Load("closed", duration_s=SECONDS, concurrency=scene.streams),
            prepared={"model": "simulated"},
            cpus=() if client is None else (client,),
        )
    table = samples.table.select(["status", "response_id", "event_ns", "t_end", "t_start"])
    rows = [row for row in table.to_pylist() if row["status"] == "ok"]
    streams = [{"number": int(row["response_id"].split("-")[1]), "stamps": row["event_ns"]} for row in rows]
    wall_s = (max(row["t_end"] for row in rows) - min(row["t_start"] for row in rows)) / 1e9
    return judge(streams, simulated, reports[0]["cpu_s"], scene.wanted_per_s, wall_s)


def reference(scene: Scene, folder: Path) -> Seen:
    server, client = two_cores()
    with simulating(folder, "100ms", f"{scene.gap_ms}ms", server) as simulated:
        found = run_reference(simulated, "streams", scene.streams, scene.tokens, client)
    streams = found["streams"]
    wall_s = (max(one["stamps"][-1] for one in streams) - min(one["sent"] for one in streams)) / 1e9
    return judge(streams, simulated, found["cpu_s"], scene.wanted_per_s, wall_s)


def run_reference(simulated: Simulated, kind: str, concurrency: int, tokens: int, cpu: int | None) -> dict[str, Any]:
    words = [simulated.url, kind, str(concurrency), str(SECONDS), str(tokens), "" if cpu is None else str(cpu)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.support.aiohttp_client", *words], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def requests(folder: Path, kind: str) -> tuple[float, float]:
    """Short plain requests on 32 connections: requests per CPU second and the simulator's share of its core."""
    server, client = two_cores()
    with simulating(folder, "0ms", "1ms", server) as simulated:
        if kind == "aiohttp":
            found = run_reference(simulated, "requests", 32, 1, client)
            per_cpu_s = found["requests"] / found["cpu_s"]
        else:
            (report, *_), _ = offer(
                folder,
                "http",
                {"path": "/instant"},
                Target("sim", "external", (Endpoint("http", simulated.url),)),
                Load("closed", duration_s=SECONDS, concurrency=32),
                cpus=() if client is None else (client,),
            )
            per_cpu_s = report["started"] / report["cpu_s"]
    return per_cpu_s, simulated.load


def middle(seen: list[Seen], field: str) -> float:
    return float(median(getattr(one, field) for one in seen))


def print_scene(scene: Scene, mine: list[Seen], theirs: list[Seen]) -> None:
    print(f"\n{scene.title} (medians of {len(mine)})")
    print(f"  {'':<34}{'aifbench':>12}{'aiohttp':>12}")
    for label, field, form in (
        ("TTFT error p50, ms", "ttft_p50", "{:.3f}"),
        ("TTFT error p99, ms", "ttft_p99", "{:.3f}"),
        ("gap error p99, ms", "gap_p99", "{:.3f}"),
        ("events per CPU second", "per_cpu_s", "{:,.0f}"),
        ("load reached, %", "reached", "{:.1%}"),
        ("simulator's share of its core", "simulator", "{:.0%}"),
    ):
        values = [form.format(middle(side, field)) for side in (mine, theirs)]
        print(f"  {label:<34}{values[0]:>12}{values[1]:>12}")
    ratio = median(a.per_cpu_s / b.per_cpu_s for a, b in zip(mine, theirs, strict=True))
    print(f"  {'events per CPU second, ratio':<34}{ratio:>12.2f}")


def main() -> None:
    scenes = [
        Scene("512 streams of 100 events/s", 512, 10, 200),
        Scene("1,000 streams of 20 events/s", 1000, 50, 40),
    ]
    for scene in scenes:
        mine: list[Seen] = []
        theirs: list[Seen] = []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder:
                mine.append(ours(scene, Path(folder)))
            with tempfile.TemporaryDirectory() as folder:
                theirs.append(reference(scene, Path(folder)))
        print_scene(scene, mine, theirs)
    pairs = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            pairs.append((requests(Path(folder), "aifbench"), requests(Path(folder), "aiohttp")))
    print(f"\nshort plain requests, 32 connections (medians of {len(pairs)})")
    print(f"  {'':<34}{'aifbench':>12}{'aiohttp':>12}")
    for label, index, form in (
        ("requests per CPU second", 0, "{:,.0f}"),
        ("simulator's share of its core", 1, "{:.0%}"),
    ):
        values = [form.format(median(pair[side][index] for pair in pairs)) for side in (0, 1)]
        print(f"  {label:<34}{values[0]:>12}{values[1]:>12}")
    print(f"  {'requests per CPU second, ratio':<34}{median(a[0] / b[0] for a, b in pairs):>12.2f}")


if __name__ == "__main__":
    main()
