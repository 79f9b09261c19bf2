"""How much one worker can do on this machine, against a stub that answers at once, transport by transport.

The worker is the real one, with its client, engine and samples; only the target is none. It is asked for all it can
do, then for half of that, where lags and delays are read. Generator and stub get a core each where there are two.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import aifbench
from aifbench.clock import NS_PER_S, SYSTEM, monotonic_ns, utc_text
from aifbench.errors import LoadError
from aifbench.executors.base import Executor, last_lines
from aifbench.load.job import ControlFolder, TrialJob
from aifbench.load.tally import spread
from aifbench.load.transport.http import fetch
from aifbench.load.trial import TrialControl, run_trial
from aifbench.model.calibration import CALIBRATION_SCHEMA, Calibration, Ceiling, Limit
from aifbench.model.load import Load, Timestamps
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Target
from aifbench.samples.read import read_trial
from aifbench.workloads.base import WORKLOADS, PrepareContext

BUSY = 0.9
"""From this share of a core on, a process counts as the limit."""
LAG_RATE_PER_S = 2000.0
"""The highest rate at which lags are read: above it the scheduler of a shared machine is measured, not the engine."""
STREAMS = (64, 128, 256, 512, 1024)
TOKENS = 100
GAP_MS = 10
KEPT_UP = 0.97
"""Below this share of what streams of known timing bring, the generator or the stub has reached its ceiling."""
FIRST_WAIT_S = 20.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Scene:
    """What a transport is asked: a workload of this unit, by so many users at once; `stub` when a server answers."""

    unit: str
    uses: str
    protocol: str
    options: Mapping[str, Any]
    users: int
    prepared: Mapping[str, Any] = field(default_factory=dict)
    stub: bool = True


SCENES: Mapping[str, Scene] = {
    "http": Scene("requests", "http", "http", {"path": "/instant"}, users=32),
    "sse": Scene(
        "events",
        "llm-chat",
        "openai",
        {"input_tokens": 16, "output_tokens": TOKENS},
        users=0,
        prepared={"model": "simulated"},
    ),
    "s3": Scene(
        "requests",
        "object",
        "s3",
        {
            "mix": {"get": 1, "put": 0, "stat": 0, "list": 0, "delete": 0},
            "object_size": 2,
            "objects": 1000,
            "verify": 0,
        },
        users=32,
        prepared={"bucket": "instant", "prefix": "calibration", "seed": 1},
    ),
    "file": Scene(
        "calls",
        "file",
        "path",
        {"pattern": "rand-read", "block_size": 4096, "file_size": 1 << 20, "verify": 0},
        users=1,
        stub=False,
    ),
}


@dataclass(frozen=True)
class Seen:
    """One load: units done, the worker's CPU and wall seconds, the stub's CPU seconds, lags in nanoseconds."""

    units: int
    cpu_s: float
    wall_s: float
    stub_cpu_s: float | None
    lags_ns: list[int]
    facts: Mapping[str, Any]

    @property
    def per_s(self) -> float:
        return self.units / self.wall_s

    @property
    def share(self) -> float:
        return self.cpu_s / self.wall_s

    @property
    def stub_share(self) -> float | None:
        return None if self.stub_cpu_s is None else self.stub_cpu_s / self.wall_s


def calibrate(
    transports: list[str], folder: Path, executor: Executor, *, seconds: float, timestamps: Timestamps, say: Say
) -> Calibration:
    """Measure these transports for about so many seconds each. Raises LoadError."""
    cores = two_cores()
    ceilings = {}
    for name in transports:
        ceilings[name] = _Bench(name, folder / name, executor, seconds, timestamps, cores, say).ceiling()
    return Calibration(
        schema=CALIBRATION_SCHEMA,
        aifbench=aifbench.__version__,
        host=platform.node(),
        cpu=None,
        kernel=platform.release(),
        timestamps=timestamps,
        taken=utc_text(),
        apart=cores is not None,
        clock_step_ns=clock_steps(),
        ceilings=ceilings,
    )


def two_cores() -> tuple[int, int] | None:
    """For the generator and for the stub; None where this process may use one only."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[-1], usable[0]) if len(usable) > 1 else None


def clock_steps(readings: int = 20_000) -> dict[str, float]:
    """Nanoseconds between readings of the clock one after the other: what a time stamp costs and resolves."""
    stamps = [monotonic_ns() for _ in range(readings)]
    seen = spread([later - earlier for earlier, later in pairwise(stamps)])
    return {"p50": float(seen["p50"] or 0), "p99": float(seen["p99"] or 0)}


class _Bench:
    """One transport: its stub, its loads, its ceiling."""

    def __init__(
        self,
        name: str,
        folder: Path,
        executor: Executor,
        seconds: float,
        timestamps: Timestamps,
        cores: tuple[int, int] | None,
        say: Say,
    ) -> None:
        self.name = name
        self.scene = SCENES[name]
        self.folder = folder
        self.executor = executor
        self.seconds = seconds
        self.timestamps = timestamps
        self.cores = cores
        self.say = say
        self.loads = 0

    def ceiling(self) -> Ceiling:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._target() as (target, prepared):
            seen = self._streams(target, prepared) if self.name == "sse" else self._flat_out(target, prepared)
            return self._described(seen, *self._at_half(seen, target, prepared))

    @contextmanager
    def _target(self) -> Iterator[tuple[Target, Mapping[str, Any]]]:
        if self.scene.stub:
            with self._stub() as url:
                attributes = {"access_key": "none", "secret_key": "none"} if self.scene.protocol == "s3" else {}
                endpoint = Endpoint(self.scene.protocol, url, attributes=attributes)
                yield Target("stub", "simulator", (endpoint,)), self.scene.prepared
            return
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        target = Target("here", "directory", (Endpoint("path", data.as_uri(), attributes={"path": str(data)}),))
        kind = WORKLOADS.load(self.scene.uses)
        workload = kind(kind.recipe_keys(**self.scene.options))
        context = PrepareContext("calibration", "data", target, str(self.folder), 1, self.say)
        prepared = workload.prepare(context)
        try:
            yield target, prepared
        finally:
            workload.cleanup(context, prepared)

    @contextmanager
    def _stub(self) -> Iterator[str]:
        """The simulator in a process of its own; yields its address."""
        out = self.folder / "stub.out"
        argv = [sys.executable, "-m", "aifbench", "simulate", "--first", f"{GAP_MS}ms", "--gap", f"{GAP_MS}ms"]
        spec = ProcessSpec(
            name="stub",
            argv=(*argv, "--duration", "1h"),
            folder=str(self.folder),
            out=str(out),
            err=str(self.folder / "stub.err"),
            grace_s=2.0,
            cpus=() if self.cores is None else (self.cores[1],),
        )
        handle = self.executor.submit(spec)
        try:
            deadline = monotonic_ns() + round(FIRST_WAIT_S * NS_PER_S)
            while not (text := out.read_text() if out.exists() else "").endswith("\n"):
                if self.executor.status([handle])[0].ended or monotonic_ns() > deadline:
                    raise LoadError("the stub did not start", quoted=last_lines(self.executor, handle))
                SYSTEM.sleep_s(0.01)
            yield text.strip()
        finally:
            self.executor.stop([handle])

    # loads

    def _flat_out(self, target: Target, prepared: Mapping[str, Any]) -> Seen:
        load = Load("closed", duration_s=self.seconds * 0.6, concurrency=self.scene.users, drain_s=5.0)
        return self._load(load, target, prepared)

    def _streams(self, target: Target, prepared: Mapping[str, Any]) -> Seen:
        """More and more streams of known timing, until events come late or one of the two processes is busy."""
        best: Seen | None = None
        for streams in STREAMS:
            seconds = max(1.0, self.seconds * 0.6 / len(STREAMS))
            seen = self._load(Load("closed", duration_s=seconds, concurrency=streams, drain_s=5.0), target, prepared)
            if best is None or seen.per_s > best.per_s:
                best = seen
            kept_up = seen.per_s >= KEPT_UP * streams * 1000 / GAP_MS
            if seen.share > BUSY or (seen.stub_share or 0.0) > BUSY or not kept_up:
                break
        assert best is not None
        return best

    def _at_half(self, seen: Seen, target: Target, prepared: Mapping[str, Any]) -> tuple[float, Seen]:
        each = TOKENS if self.scene.unit == "events" else 1
        rate = min(LAG_RATE_PER_S, seen.units / seen.cpu_s / 2 / each)
        load = Load("constant", duration_s=max(1.0, self.seconds * 0.4), rate_per_s=rate, drain_s=5.0)
        return rate, self._load(load, target, prepared)

    def _load(self, load: Load, target: Target, prepared: Mapping[str, Any]) -> Seen:
        self.loads += 1
        place = self.folder / str(self.loads)
        job = TrialJob(
            run="calibration",
            point=self.name,
            trial=f"{self.name}.t{self.loads}",
            number=self.loads,
            uses=self.scene.uses,
            options=self.scene.options,
            load=Load(**{**vars(load), "timestamps": self.timestamps}),
            target=target,
            prepared=prepared,
            prepared_folder=str(self.folder),
            seed=self.loads,
            control=str(place / "control"),
            samples=str(place / "samples"),
            scratch=str(place / "scratch"),
            cpus=() if self.cores is None else (self.cores[0],),
        )
        before = self._stub_cpu(target)
        outcome = run_trial(job, self.executor, TrialControl())
        after = self._stub_cpu(target)
        if outcome.problems:
            raise LoadError("; ".join(outcome.problems), where=f"calibration of {self.name}")
        report = outcome.reports[0]
        units, lags = self._count(job)
        return Seen(
            units=units,
            cpu_s=float(report["cpu_s"]),
            wall_s=float(report["window_wall_s"]),
            stub_cpu_s=None if before is None or after is None else (after - before) / NS_PER_S,
            lags_ns=lags,
            facts=report["facts"],
        )

    def _count(self, job: TrialJob) -> tuple[int, list[int]]:
        """Units of what succeeded, and the lags of all starts. Raises LoadError when nothing succeeded."""
        import pyarrow.compute as pc

        samples = read_trial(job.samples, ControlFolder(job.control).path)
        ok = samples.table.filter(pc.equal(samples.table["status"].cast("string"), "ok"))
        if ok.num_rows == 0:
            raise LoadError("no operation succeeded", where=f"calibration of {self.name}")
        lags = pc.subtract(samples.table["t_start"], samples.table["t_intended"]).drop_null().to_pylist()
        if self.scene.unit == "events":
            return int(pc.sum(pc.list_value_length(ok["event_ns"])).as_py() or 0), lags
        return ok.num_rows, lags

    def _stub_cpu(self, target: Target) -> int | None:
        if not self.scene.stub:
            return None
        return int(json.loads(fetch(target.endpoints[0].url, path="/self").body())["cpu_ns"])

    # the result

    def _described(self, seen: Seen, rate: float, half: Seen) -> Ceiling:
        lag = spread(half.lags_ns)
        delay = half.facts.get("read_delay_ns") or {}
        return Ceiling(
            transport=self.name,
            unit=self.scene.unit,
            per_cpu_s=seen.units / seen.cpu_s,
            reached_per_s=seen.per_s,
            worker_share=seen.share,
            stub_share=seen.stub_share,
            limit=limit(seen),
            lag_rate_per_s=rate,
            send_lag_p50_s=_seconds(lag["p50"]),
            send_lag_p99_s=_seconds(lag["p99"]),
            read_delay_p50_s=_seconds(delay.get("p50")),
            read_delay_p99_s=_seconds(delay.get("p99")),
            timestamps=half.facts.get("timestamps"),
        )


def limit(seen: Seen) -> Limit:
    """Whose core was full; `neither`: something else (the machine is busy with other work, one core for both)."""
    if seen.share > BUSY:
        return "generator"
    return "stub" if (seen.stub_share or 0.0) > BUSY else "neither"


def _seconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / NS_PER_S
