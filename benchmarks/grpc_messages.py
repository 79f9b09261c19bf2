"""How many messages of gRPC streams a worker takes per CPU second, beside a plain grpc.aio client in the same run.

Each stream has a connection of its own. Server and client get a core each; the server's share of its core is printed.
Ours is the whole product: schedule, stamps, samples written. `AIFBENCH_BENCH_RUNS` and `AIFBENCH_BENCH_SECONDS`
shorten it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pyarrow.compute as pc

from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from benchmarks.support.grpc_server import METHOD
from benchmarks.support.simulator import two_cores
from benchmarks.support.trial import offer

RUNS = int(os.environ.get("AIFBENCH_BENCH_RUNS", "5"))
SECONDS = float(os.environ.get("AIFBENCH_BENCH_SECONDS", "5"))
SCENES = (("flat out", 32, "100 0"), ("100 messages/s each", 128, "100 10"))


@dataclass
class Server:
    port: str
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Seen:
    per_cpu_s: float
    per_s: float
    server: float


@contextlib.contextmanager
def serving(cpu: int | None) -> Iterator[Server]:
    words = [sys.executable, "-m", "benchmarks.support.grpc_server", "" if cpu is None else str(cpu)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    server = Server(process.stdout.readline().strip())
    try:
        yield server
    finally:
        process.stdin.close()
        server.cpu_s = float(process.stdout.readline())
        process.wait(30)


def reference(streams: int, request: str) -> Seen:
    cores = two_cores()
    with serving(cores[0]) as server:
        words = [server.port, str(streams), str(SECONDS), request, "" if cores[1] is None else str(cores[1])]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.support.grpc_client", *words], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout)
    return Seen(found["messages"] / found["cpu_s"], found["messages"] / found["wall_s"], server.cpu_s / found["wall_s"])


def ours(streams: int, request: str) -> Seen:
    cores = two_cores()
    with TemporaryDirectory() as folder, serving(cores[0]) as server:
        (report, *_), samples = offer(
            Path(folder),
            "grpc",
            {"method": METHOD, "request_hex": request.encode().hex(), "streaming": True},
            Target("server", "external", (Endpoint("grpc", f"grpc://127.0.0.1:{server.port}"),)),
            Load("closed", duration_s=SECONDS, concurrency=streams, drain_s=10.0),
            cpus=() if cores[1] is None else (cores[1],),
        )
    messages = int(pc.sum(samples.table["messages"]).as_py())
    wall_s = (pc.max(samples.table["t_end"]).as_py() - report["t0_ns"]) / 1e9
    return Seen(messages / report["cpu_s"], messages / wall_s, server.cpu_s / wall_s)


def main() -> None:
    print(f"load average before: {os.getloadavg()[0]:.1f}; medians of {RUNS} runs of {SECONDS:g} s")
    heads = f"{'aifbench':>12}{'grpc.aio':>12}{'ratio':>8}   messages/s; server's share of its core"
    print(f"{'messages per CPU second':<36}{heads}")
    for title, streams, request in SCENES:
        mine: list[Seen] = []
        theirs: list[Seen] = []
        for number in range(RUNS):
            order = [(mine, ours), (theirs, reference)]
            for found, measure in order if number % 2 == 0 else reversed(order):
                found.append(measure(streams, request))
        per_cpu_s = [median(one.per_cpu_s for one in side) for side in (mine, theirs)]
        ratio = median(a.per_cpu_s / b.per_cpu_s for a, b in zip(mine, theirs, strict=True))
        rates = " and ".join(f"{median(one.per_s for one in side):,.0f}" for side in (mine, theirs))
        shares = " and ".join(f"{median(one.server for one in side):.0%}" for side in (mine, theirs))
        name = f"{streams} streams, {title}"
        print(f"{name:<36}{per_cpu_s[0]:>12,.0f}{per_cpu_s[1]:>12,.0f}{ratio:>8.2f}   {rates}; {shares}")


if __name__ == "__main__":
    main()
