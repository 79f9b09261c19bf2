"""Trials of a second against a simulator on a core of its own, with a worker that something keeps off its core."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aifbench.clock import sleep_s
from aifbench.executors.local import LocalExecutor
from aifbench.load.job import TrialJob
from aifbench.load.progress import Progress
from aifbench.load.trial import TrialControl, run_trial
from aifbench.metrics.evaluate import evaluate_trial
from aifbench.metrics.thresholds import SWITCH_S
from aifbench.model.load import Load
from aifbench.model.plan import LoadPoint, Trial
from aifbench.model.process import Handle, ProcessSpec
from aifbench.model.result import TrialResult, Validity
from aifbench.model.samples import Samples
from aifbench.model.service import Endpoint, Target
from aifbench.samples.read import read_trial

HOGS = 2
NICE = 10


@dataclass(frozen=True)
class Cores:
    """Both are the same where there is only one."""

    server: int
    client: int


def cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1])


@contextmanager
def simulator(executor: LocalExecutor, folder: Path, cpu: int, *words: str) -> Iterator[Target]:
    """`aifbench simulate` with these options, pinned."""
    argv = (sys.executable, "-m", "aifbench", "simulate", *words)
    out = folder / "address"
    handle = executor.submit(ProcessSpec("simulator", argv, str(folder), out=str(out), cpus=(cpu,)))
    try:
        for _ in range(2000):
            if out.exists() and out.read_text().endswith("\n"):
                break
            sleep_s(0.01)
        yield Target("sim", "external", (Endpoint("http", out.read_text().strip()),))
    finally:
        executor.stop([handle], 0.0)


class Hogs:
    """Busy loops on one core; they stand still but for the time in which they are let loose."""

    def __init__(self, executor: LocalExecutor, folder: Path, cpu: int) -> None:
        self._executor = executor
        argv = (sys.executable, "-c", "while True: pass")
        specs = [ProcessSpec(f"hog-{n}", argv, str(folder), cpus=(cpu,)) for n in range(HOGS)]
        self._handles = [executor.submit(spec) for spec in specs]
        self.hold()

    def hold(self) -> None:
        for handle in self._handles:
            self._executor.signal(handle, signal.SIGSTOP)

    def let_loose(self) -> None:
        for handle in self._handles:
            self._executor.signal(handle, signal.SIGCONT)

    def end(self) -> None:
        self._executor.stop(self._handles, 0.0)


class _DuringTheLoad(TrialControl):
    """Calls `begin` within a tenth of a second after T0, and `end` within another after the load."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._on = False
        self.pids: list[int] = []

    def on_submit(self, handle: Handle) -> None:
        self.pids.append(int(handle.record["pid"]))

    def on_progress(self, progress: Progress, elapsed_s: float) -> None:
        wanted = 0 <= elapsed_s < self._length_s
        if wanted and not self._on:
            self.begin()
        if self._on and not wanted:
            self.end()
        self._on = wanted

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError


class BusyCore(_DuringTheLoad):
    """The worker shares its core with busy loops, at the lowest priority."""

    def __init__(self, length_s: float, hogs: Hogs) -> None:
        super().__init__(length_s)
        self._hogs = hogs

    def begin(self) -> None:
        for pid in self.pids:
            os.setpriority(os.PRIO_PROCESS, pid, NICE)
            with contextlib.suppress(OSError):  # where sessions are groups of the scheduler, the group's counts
                Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
        self._hogs.let_loose()

    def end(self) -> None:
        self._hogs.hold()
        with contextlib.suppress(OSError):  # only root may; else the worker writes its samples a little later
            for pid in self.pids:
                os.setpriority(os.PRIO_PROCESS, pid, 0)


class Halting(_DuringTheLoad):
    """The worker is stopped for 20 ms out of every 25."""

    def begin(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._halt)
        self._thread.start()

    def _halt(self) -> None:
        while not self._over.is_set():
            for number, seconds in ((signal.SIGSTOP, 0.020), (signal.SIGCONT, 0.005)):
                for pid in self.pids:
                    os.kill(pid, number)
                sleep_s(seconds)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


@dataclass(frozen=True)
class Judged:
    result: TrialResult
    samples: Samples

    stolen: bool

    @property
    def wrong(self) -> dict[str, Validity]:
        """The checks that found something."""
        return {one.code: one.verdict for one in self.result.findings if one.verdict is not Validity.VALID}

    @property
    def disturbed(self) -> bool:
        """Whether something else kept the worker from its core, as the kernel counted it: 0.5 % of the time or more."""
        report = self.samples.workers[0]
        turns = report.get("run_turns") or 0
        waited_s = float(report.get("run_delay_s") or 0.0) - turns * SWITCH_S
        return self.stolen or waited_s > 0.005 * float(report["window_wall_s"])


def stolen_ticks(cpu: int) -> int:
    """Ticks in which another guest of the same machine had this core (proc(5), /proc/stat)."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next((int(line.split()[8]) for line in lines if line.startswith(f"cpu{cpu} ")), 0)


def judged(
    executor: LocalExecutor, folder: Path, target: Target, load: Load, seed: int, hooks: TrialControl, cpu: int
) -> Judged:
    """A trial in a worker process of its own on the given core, and what the validity checks say of it."""
    job = TrialJob(
        run="run",
        point="p",
        trial="p.t1",
        number=1,
        uses="http",
        options={"path": "/bytes/2"},
        load=load,
        target=target,
        prepared={},
        prepared_folder=str(folder),
        seed=seed,
        control=str(folder / "control"),
        samples=str(folder / "samples"),
        scratch=str(folder / "scratch"),
        cpus=(cpu,),
    )
    stolen = stolen_ticks(cpu)
    outcome = run_trial(job, executor, hooks)
    stolen = stolen_ticks(cpu) - stolen
    assert outcome.problems == ()
    samples = read_trial(job.samples, job.control)
    point = LoadPoint("p", "w", "http", "sim", job.options, load, "")
    return Judged(evaluate_trial(point, Trial("p.t1", "p", 1, seed), samples, "http"), samples, stolen > 0)
