"""The simulator in a process of its own on one core, and its record afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROGRAM = """
import gc, os, signal, sys, time
from pathlib import Path
from aifbench.clock import process_time_ns
from aifbench.simulate.record import write
from aifbench.simulate.server import Behaviour, Simulator
from aifbench.simulate.timing import Timing, parse_delay
first, gap, record, cpu, keep = sys.argv[1:6]
if cpu:
    os.sched_setaffinity(0, {int(cpu)})
simulator = Simulator(Behaviour(Timing(parse_delay(first), parse_delay(gap))), keep_record=keep == "keep")
signal.signal(signal.SIGTERM, lambda *_: simulator.stop())
print(simulator.port, flush=True)
gc.disable()
began, cpu_began = time.monotonic(), process_time_ns()
simulator.run()
print((process_time_ns() - cpu_began) / 1e9 / (time.monotonic() - began), flush=True)
write(simulator.exchanges, Path(record))
"""


def two_cores() -> tuple[int | None, int | None]:
    """One core for the simulator and another for the client, or None and None where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


@dataclass
class Simulated:
    """`load` is the simulator's share of its core, `exchanges` its record; both are there after the block."""

    port: int
    load: float = 0.0
    exchanges: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def simulating(folder: Path, first: str, gap: str, cpu: int | None, *, keep_record: bool = True) -> Iterator[Simulated]:
    """Without its record the simulator's own memory does not grow."""
    import pyarrow.parquet as pq

    record = folder / "record.parquet"
    words = [first, gap, str(record), "" if cpu is None else str(cpu), "keep" if keep_record else ""]
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    simulated = Simulated(int(process.stdout.readline()))
    try:
        yield simulated
    finally:
        process.send_signal(signal.SIGTERM)
        simulated.load = float(process.stdout.readline())
        process.wait(60)
    simulated.exchanges = pq.read_table(record).to_pydict() if keep_record else {}
