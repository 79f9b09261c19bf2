"""One trial through the product's own path (worker processes, samples), without plan and runner around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aifbench.executors.local import LocalExecutor
from aifbench.load.job import TrialJob
from aifbench.load.trial import TrialControl, run_trial
from aifbench.model.load import Load
from aifbench.model.samples import Samples
from aifbench.model.service import Target
from aifbench.samples.read import read_trial
from benchmarks.support.pairs import Measured


def offer(
    folder: Path,
    uses: str,
    options: Mapping[str, Any],
    target: Target,
    load: Load,
    *,
    prepared: Mapping[str, Any] | None = None,
    seed: int = 7,
    cpus: tuple[int, ...] = (),
    hooks: TrialControl | None = None,
) -> tuple[Sequence[Mapping[str, Any]], Samples]:
    """The workers' reports and their samples; ends the program when a worker failed."""
    job = TrialJob(
        run="benchmark",
        point="p",
        trial="p.t1",
        number=1,
        uses=uses,
        options=options,
        load=load,
        target=target,
        prepared=prepared or {},
        prepared_folder=str(folder),
        seed=seed,
        control=str(folder / "control"),
        samples=str(folder / "samples"),
        scratch=str(folder / "scratch"),
        cpus=cpus,
    )
    executor = LocalExecutor()
    try:
        outcome = run_trial(job, executor, hooks or TrialControl())
    finally:
        executor.close()
    if outcome.problems:
        raise SystemExit("\n".join(outcome.problems))
    return outcome.reports, read_trial(job.samples, job.control)


def trial(
    folder: Path,
    uses: str,
    options: Mapping[str, Any],
    target: Target,
    prepared: Mapping[str, Any],
    load: Load,
    seed: int,
) -> Measured:
    """Run it in worker processes and read its samples; ends the program when an operation failed.

    The rate counts what ended after the warm-up and before the end of the offered load.
    """
    import pyarrow.compute as pc

    reports, samples = offer(folder, uses, options, target, load, prepared=prepared, seed=seed)
    table = samples.table
    report = reports[0]
    start, end = report["warmup_end_ns"], report["end_ns"]
    ok = pc.equal(table["status"].cast("string"), "ok")
    inside = pc.and_(pc.greater_equal(table["t_end"], start), pc.less(table["t_end"], end))
    count = pc.sum(pc.and_(ok, inside)).as_py() or 0
    if failed := table.num_rows - (pc.sum(ok).as_py() or 0):
        raise SystemExit(f"{failed} operations failed")
    cpu_s = sum(one["cpu_s"] for one in reports)
    return Measured(count / ((end - start) / 1e9), cpu_s / table.num_rows * 1e6)
