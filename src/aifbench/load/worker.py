"""One load-generating process: `python -m aifbench.load.worker JOBFILE INDEX [salvage]`.

It connects, says that it is ready, waits for T0, offers its stripe of the load, and only then looks at contents,
writes its samples and its report. It talks to the controller through files alone.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import sys
import traceback
from collections.abc import Iterable
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from aifbench.clock import NS_PER_S, anchor, monotonic_ns, process_time_ns, sleep_s
from aifbench.errors import AifbenchError, LoadError, to_record
from aifbench.load import run_queue
from aifbench.load.arrival.base import ARRIVALS
from aifbench.load.blocking import BlockingEngine
from aifbench.load.handshake import as_store_error, give_up, put_json, unexpected
from aifbench.load.job import ControlFolder, TrialJob
from aifbench.load.limits import raise_descriptors, read_limits
from aifbench.load.preflight import descriptors, judge, need_of, told
from aifbench.load.progress import ProgressWriter
from aifbench.load.schedule import phase, stripe
from aifbench.load.spill import Spill
from aifbench.load.spill import read as read_spill
from aifbench.load.tally import spread
from aifbench.load.transport.refusal import explain
from aifbench.load.wire import WireEngine
from aifbench.model.codec import from_data
from aifbench.model.operation import Operation
from aifbench.samples.schema import SAMPLES_SCHEMA
from aifbench.samples.write import to_table, write
from aifbench.workloads.base import WORKLOADS, WorkerContext

_POLL_S = 0.005


def _lengths(job: TrialJob) -> tuple[Any, Any] | None:
    found = ARRIVALS.load(job.load.arrival)().lengths(job.load, job.seed)
    return None if found is None else (found.input_tokens, found.output_tokens)


class Worker:
    """The life of one worker process, step by step."""

    def __init__(self, job: TrialJob, index: int) -> None:
        self.job = job
        self.index = index
        self.control = ControlFolder(job.control)
        workload = WORKLOADS.load(job.uses)
        scratch = Path(job.scratch) / f"w{index}"
        scratch.mkdir(parents=True, exist_ok=True)
        self.client = workload(workload.recipe_keys(**job.options)).open_client(
            WorkerContext(
                run=job.run,
                target=job.target,
                prepared=job.prepared,
                prepared_folder=job.prepared_folder,
                folder=str(scratch),
                seed=job.seed,
                worker=index,
                workers=job.load.workers,
                timeout_s=job.load.timeout_s,
                lengths=_lengths(job),
                timestamps="user" if job.load.timestamps == "user" else "kernel",
            )
        )
        share = stripe(job.load, job.seed, index, job.load.workers)
        self.progress = ProgressWriter(self.control.progress(index))
        # By what the client offers, not by its class: a plugin need not inherit from anything.
        kind: Any = WireEngine if hasattr(self.client, "open_slot") else BlockingEngine
        self.spill = Spill(scratch / "spill")
        self.engine = kind(self.client, job.load, share, self.progress, self.control.stop, self.spill)
        self._need = need_of(job.load, len(share.starts_ns), len(share.users), self.client, job.load.workers)
        self._preflight: dict[str, Any] = {}
        self._queue = run_queue.look()

    def preflight(self) -> None:
        """Raises LoadError when the load cannot fit into this machine; raises the limit of descriptors where it can."""
        limits = read_limits()
        workers = self.job.load.workers
        judge(self._need, limits, workers)
        most = max(self._need.connections, self._need.most_connections)
        self._preflight = told(self._need, limits, raise_descriptors(descriptors(most, limits)))

    def connect(self) -> None:
        """Raises LoadError when the target cannot be reached.

        The garbage collector forgets what lives now: once T0 is known there is no time for a look at all of it.
        """
        try:
            self.engine.connect()
        except OSError as error:
            words, hint = explain(error)
            raise LoadError(f"could not connect to {self.job.target.name}: {words}", hint=hint) from error
        gc.collect()
        gc.freeze()

    def wait_for_go(self) -> int | None:
        """T0, or None when the trial was called off."""
        while not self.control.go.exists():
            self._queue = run_queue.look()
            if self.control.stop.exists() or os.getppid() == 1:
                return None
            sleep_s(_POLL_S)
        return int(json.loads(self.control.go.read_text())["t0_ns"])

    def offer(self, t0_ns: int) -> dict[str, Any]:
        """The measured part. The garbage collector is off: a collection would stop the loop for milliseconds."""
        gc.disable()
        cpu = process_time_ns()
        wall = monotonic_ns()
        self.engine.run(t0_ns)
        seconds: dict[str, Any] = {
            "cpu_s": (process_time_ns() - cpu) / NS_PER_S,
            "window_wall_s": (monotonic_ns() - wall) / NS_PER_S,
        }
        if isinstance(self.engine, WireEngine):  # others do their operations in threads of their own
            seconds |= run_queue.since(self._queue, run_queue.look())
        gc.enable()
        gc.unfreeze()
        return seconds

    def finish(self, t0_ns: int, seconds: dict[str, Any], clock: Any) -> dict[str, Any]:
        """Columns, Parquet files, and the report that is returned.

        There is one file but for long or large loads, whose operations were partly moved to disk: they are read back
        in batches and make a file each.
        """
        load = self.job.load
        tally = self.engine.tally
        after = asdict(read_limits())
        self.spill.close()
        ended = self._write_samples(t0_ns, chain(read_spill(self.spill.path), [self.engine.operations]))
        facts = dict(self.client.facts())
        connect_ns = getattr(self.engine, "connect_ns", None)
        connect_s = [ns / NS_PER_S for ns in connect_ns] if connect_ns is not None else facts.pop("connect_s", [])
        return {
            **self._place(t0_ns),
            "workers": load.workers,
            "pid": os.getpid(),
            "cpus": sorted(os.sched_getaffinity(0)),
            "anchor": asdict(clock),
            "connect_s": connect_s,
            "connect_count": len(connect_s),
            "scheduled": tally.scheduled,
            "started": tally.started,
            "dropped": tally.dropped,
            "ended": ended,
            **seconds,
            "wake_lag_ns": spread(tally.wake_lag_ns),
            "begin_lag_s": None if tally.begin_lag_ns is None else tally.begin_lag_ns / NS_PER_S,
            "max_in_flight": tally.max_in_flight,
            "late_with_free_slot": tally.late_with_free_slot,
            "slots_opened_in_load": tally.slots_opened_in_load,
            "retried": tally.retried,
            "stopped_early": tally.stopped_early,
            "stop_code": tally.stop_code,
            "spilled": self.spill.moved,
            "max_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "preflight": self._preflight and {**self._preflight, "after": after},
            "facts": facts,
            "error": None,
        }

    def salvage(self) -> dict[str, Any]:
        """Write what this worker's dead predecessor had moved to disk. T0 is read from the go file."""
        t0_ns = self.wait_for_go() or 0
        ended = self._write_samples(t0_ns, read_spill(self.spill.path))
        return {**self._place(t0_ns), "workers": self.job.load.workers, "ended": ended, "salvaged": True}

    def _place(self, t0_ns: int) -> dict[str, Any]:
        """Which samples these are, and the bounds of their phases."""
        job, load = self.job, self.job.load
        return {
            "schema": SAMPLES_SCHEMA,
            "run": job.run,
            "point": job.point,
            "trial": job.number,
            "worker": self.index,
            "host": socket.gethostname(),
            "t0_ns": t0_ns,
            "warmup_end_ns": t0_ns + round(load.warmup_s * NS_PER_S),
            "end_ns": t0_ns + round(load.steady_end_s * NS_PER_S),
        }

    def _write_samples(self, t0_ns: int, batches: Iterable[list[Operation]]) -> dict[str, int]:
        """One Parquet file per batch (at least one); returns how many operations ended how."""
        place = self._place(t0_ns)
        ended: dict[str, int] = {}
        part = 0
        for operations in batches:
            if not operations and part:
                continue
            own = self.client.columns(operations)
            for operation in operations:
                ended[operation.status] = ended.get(operation.status, 0) + 1
            table = to_table(
                operations,
                own,
                {"run": place["run"], "point": place["point"], "trial": place["trial"], "worker": self.index},
                lambda operation: phase(
                    operation.intended - t0_ns, place["warmup_end_ns"] - t0_ns, place["end_ns"] - t0_ns
                ),
                place,
            )
            name = f"w{self.index}.parquet" if part == 0 else f"w{self.index}-{part:04d}.parquet"
            write(table, Path(self.job.samples) / name)
            part += 1
        return ended


def run(job: TrialJob, index: int) -> dict[str, Any] | None:
    """The whole life; returns the report, or None when the trial was called off before T0."""
    worker = Worker(job, index)
    worker.preflight()
    worker.connect()
    clock = anchor()
    put_json(worker.control.ready(index), {"worker": index, "pid": os.getpid(), "anchor": asdict(clock)})
    t0_ns = worker.wait_for_go()
    if t0_ns is None:
        return None
    seconds = worker.offer(t0_ns)
    report = worker.finish(t0_ns, seconds, clock)
    worker.engine.close()
    return report


def main(argv: list[str]) -> int:
    """Exit 0 with a report; with 6 (or the error's own code) and a report that holds the error."""
    job = from_data(TrialJob, json.loads(Path(argv[0]).read_text()))
    index = int(argv[1])
    control = ControlFolder(job.control)
    try:
        report = Worker(job, index).salvage() if argv[2:] == ["salvage"] else run(job, index)
        if report is not None:
            put_json(control.report(index), report)
    except AifbenchError as error:
        return _give_up(error, control, index)
    except Exception as error:  # noqa: BLE001 - whatever a client library raises must reach the user in one line
        if isinstance(error, OSError) and (full := as_store_error(error)) is not None:
            return _give_up(full, control, index)
        say(traceback.format_exc())
        told = unexpected(error)
        told.hint = told.hint or f"traceback in {control.err(index)}"
        return _give_up(told, control, index, broke=True)
    return 0


def _give_up(error: AifbenchError, control: ControlFolder, index: int, *, broke: bool = False) -> int:
    """`broke`: its samples that were moved to disk are still to be written."""
    told = {"worker": index, "error": str(error), "parts": to_record(error), "exit_code": int(error.exit_code)}
    told |= {"broke": True} if broke else {}
    return give_up(error, control.report(index), told, say)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    # Threads that hang in a call must not keep the process: everything is on disk now.
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
