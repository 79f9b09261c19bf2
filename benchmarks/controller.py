"""Memory of the controller during the quickstart (limit 150 MiB), and CPU from plan to first operation (0.5 s)."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from aifbench.clock import sleep_s

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def cpu_s(pid: int) -> float:
    """User and system time of one process, without its children (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="quickstart")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "AIFBENCH_RUNS": str(folder / "runs"), "AIFBENCH_HOME": str(folder / "home")}
        process = subprocess.Popen(
            [sys.executable, "-m", "aifbench", "run", given.recipe, "--allow-invalid", "--quiet"],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        first, peak = watch(process, folder / "runs")
        print(f"recipe {given.recipe}, exit code {process.returncode}")
        print(f"controller, most resident memory    {peak / MIB:7.1f} MiB   {peak / (150 * MIB):.0%} of 150 MiB")
        if first is not None:
            controller, workers = first
            print(f"CPU from plan to first operation: controller {controller:.2f} s, workers {workers:.2f} s")
            print(f"  together {controller + workers:.2f} s, {(controller + workers) / 0.5:.0%} of 0.5 s")


def watch(process: subprocess.Popen[bytes], runs: Path) -> tuple[tuple[float, float] | None, int]:
    """CPU of controller (from the plan on) and workers when the first trial begins; the controller's peak memory."""
    planned, first, peak = None, None, 0
    while process.poll() is None:
        peak = max(peak, peak_bytes(process.pid))
        if planned is None and next(runs.glob("*/plan.json"), None):
            planned = cpu_s(process.pid)
        if first is None and (go := next(runs.glob("*/control/*/go.json"), None)):
            ready = [json.loads(path.read_text()) for path in go.parent.glob("ready-*.json")]
            workers = [int(one["pid"]) for one in ready if Path(f"/proc/{one.get('pid', 0)}").exists()]
            first = cpu_s(process.pid) - (planned or 0.0), sum(cpu_s(pid) for pid in workers)
        sleep_s(0.001 if first is None else 0.1)
    return first, peak


if __name__ == "__main__":
    main()
