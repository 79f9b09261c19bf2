"""Wall and CPU seconds from `aifbench probe` to its first operation (limits 1 s and 0.5 s), and of one request in all.

The target is a simulator in this process; when the first operation arrives it adds up the CPU time of the command and
of everything that it has started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from statistics import median

import psutil

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.simulate.connection import Connection
from aifbench.simulate.server import Behaviour, Simulator
from aifbench.simulate.timing import Timing, parse_delay

TIMES = int(os.environ.get("AIFBENCH_BENCH_RUNS", "5"))
PROBES = {
    "http": ("http", "{url}/instant", "--requests", "1"),
    "llm": ("llm", "{url}", "--requests", "1", "--input-tokens", "16", "--output-tokens", "4"),
}
FIRST = (b'"stream": true', b'"stream":true')


class Watched(Simulator):
    """Notes when the first operation came and what CPU time it had cost until then."""

    def __init__(self) -> None:
        super().__init__(Behaviour(Timing(parse_delay("1ms"), parse_delay("1ms"))))
        self.command: psutil.Process | None = None
        self.first_ns = 0
        self.cpu_s = 0.0

    def on_request(self, connection: Connection, method: str, path: str, body: bytes, now: int) -> None:
        is_operation = path == "/instant" or any(mark in body for mark in FIRST)
        if is_operation and not self.first_ns and self.command is not None:
            self.first_ns = now
            self.cpu_s = cpu_of(self.command)
        super().on_request(connection, method, path, body, now)


def cpu_of(command: psutil.Process) -> float:
    """The command, what it started that still lives, and what each of them has waited for."""
    total = 0.0
    for process in (command, *command.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


@dataclass(frozen=True)
class Seen:
    wall_first_s: float
    cpu_first_s: float
    wall_s: float


def once(words: tuple[str, ...]) -> Seen:
    simulator = Watched()
    thread = threading.Thread(target=simulator.run, daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "aifbench", "probe", *(word.format(url=simulator.url) for word in words)]
        argv += ["--runs", f"{folder}/runs", "--quiet", "--allow-invalid"]
        begun = monotonic_ns()
        with subprocess.Popen(argv, env={**os.environ, "AIFBENCH_HOME": folder}, stdout=subprocess.DEVNULL) as process:
            simulator.command = psutil.Process(process.pid)
            if process.wait() != 0:
                raise SystemExit(f"{' '.join(argv)}: exit code {process.returncode}")
        wall = monotonic_ns() - begun
    simulator.stop()
    thread.join(5)
    simulator.close()
    return Seen((simulator.first_ns - begun) / NS_PER_S, simulator.cpu_s, wall / NS_PER_S)


def main() -> None:
    print(f"medians of {TIMES}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'probe':8} {'wall to first':>14} {'CPU to first':>14} {'wall in all':>14}")
    for name, words in PROBES.items():
        once(words)
        seen = [once(words) for _ in range(TIMES)]
        cells = [median(getattr(one, field) for one in seen) for field in ("wall_first_s", "cpu_first_s", "wall_s")]
        print(f"{name:8} " + " ".join(f"{value:12.2f} s" for value in cells))


if __name__ == "__main__":
    main()
