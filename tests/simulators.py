"""A simulator in a thread of the test's own process, and a worker's engine run against it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from aifbench.clock import anchor, monotonic_ns
from aifbench.load.job import ControlFolder, TrialJob
from aifbench.load.worker import Worker
from aifbench.model.load import Load
from aifbench.model.samples import Samples
from aifbench.model.service import Endpoint, Target
from aifbench.samples.read import read_trial
from aifbench.simulate.faults import FaultRule
from aifbench.simulate.server import Behaviour, Simulator
from aifbench.simulate.timing import Timing, parse_delay


def behaviour(first: str = "5ms", gap: str = "1ms", faults: tuple[FaultRule, ...] = (), **more: Any) -> Behaviour:
    return Behaviour(Timing(parse_delay(first), parse_delay(gap)), faults=faults, **more)


@contextlib.contextmanager
def running(how: Behaviour) -> Iterator[Simulator]:
    simulator = Simulator(how)
    thread = threading.Thread(target=simulator.run, daemon=True)
    thread.start()
    try:
        yield simulator
    finally:
        simulator.stop()
        thread.join(10)
        simulator.close()


def trial_job(folder: Path, port: int, load: Load, **options: Any) -> TrialJob:
    job = TrialJob(
        run="run",
        point="chat",
        trial="chat.t1",
        number=1,
        uses="llm-chat",
        options={"input_tokens": 16, "output_tokens": 8, **options},
        load=load,
        target=Target("sim", "external", (Endpoint("openai", f"http://127.0.0.1:{port}"),)),
        prepared={"model": "simulated"},
        prepared_folder=str(folder),
        seed=7,
        control=str(folder / "control"),
        samples=str(folder / "samples"),
        scratch=str(folder / "scratch"),
    )
    Path(job.control).mkdir(parents=True, exist_ok=True)
    return job


def run_worker(job: TrialJob) -> tuple[Samples, dict[str, Any]]:
    """One worker of the job in this process; its samples as they are read back, and its report."""
    job = replace(job, load=replace(job.load, workers=1))
    worker = Worker(job, 0)
    worker.connect()
    t0 = monotonic_ns() + 5_000_000
    seconds = worker.offer(t0)
    report = worker.finish(t0, seconds, anchor())
    worker.engine.close()
    return read_trial(job.samples, ControlFolder(job.control).path), report


def rows(samples: Samples) -> list[dict[str, Any]]:
    """The samples as dicts, by `seq`."""
    return sorted(samples.table.to_pylist(), key=lambda row: row["seq"])
