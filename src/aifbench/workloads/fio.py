"""Drives fio, the field's tool for file I/O: one operation is one run of one fio job; its own numbers become columns.

fio (https://fio.readthedocs.io) prints JSON with `--output-format=json`; latencies there are nanoseconds, `bw_bytes`
is bytes per second.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from aifbench.errors import LoadError, MissingExtra
from aifbench.executors.call import Completed, call
from aifbench.model.operation import Operation
from aifbench.model.options import Bytes, Count, Duration, Options, Share, Sweep, Whole, single
from aifbench.workloads.base import BlockingClient, PrepareContext, WorkerContext, Workload
from aifbench.workloads.command import judge, last_line
from aifbench.workloads.draw import mix
from aifbench.workloads.folder import make_folder, remove_folder, run_folder

INSTALL = "apt-get install fio"
_DIRECTIONS = ("read", "write")
_PERCENTILES = {"50.000000": "p50", "99.000000": "p99", "99.900000": "p99_9"}


class FioOptions(Options):
    pattern: Sweep[Literal["read", "write", "randread", "randwrite", "rw", "randrw"]] = Field(
        default="read", description="fio's `rw`: what the job does"
    )
    block_size: Sweep[Annotated[Bytes, Field(ge=1)]] = Field(default=128 * 1024, description="fio's `bs`")
    file_size: Sweep[Annotated[Bytes, Field(ge=1)]] = Field(default=64 << 20, description="fio's `size`, per job")
    engine: Sweep[Literal["psync", "sync", "libaio", "io_uring", "mmap"]] = Field(
        default="psync", description="fio's `ioengine`"
    )
    depth: Sweep[Count] = Field(default=1, description="fio's `iodepth`: only asynchronous engines use more than 1")
    jobs: Sweep[Count] = Field(default=1, description="fio's `numjobs`: processes, each with a file of its own")
    direct: Sweep[bool] = Field(default=False, description="past the page cache (O_DIRECT)")
    cache: Sweep[Literal["drop", "as-is"]] = Field(
        default="drop", description="fio's `invalidate`: drop the file's pages from the cache before each run, or not"
    )
    fsync: Sweep[Whole] = Field(default=0, description="fsync after so many writes; 0: never")
    fsync_at_end: bool = Field(default=True, description="fsync when a job's file is written, within its time")
    read_share: Sweep[Share] = Field(default=0.5, description="share of reads in rw and randrw")
    runtime: Sweep[Duration] = Field(
        default=0.0, description="repeat for this long (`time_based`); 0: go through the file once"
    )
    arguments: tuple[str, ...] = Field(default=(), description="further arguments, each beginning with `--`")

    @model_validator(mode="after")
    def _ours(self) -> FioOptions:
        for argument in self.arguments:
            name = argument.removeprefix("--").partition("=")[0].replace("-", "_")
            if not argument.startswith("--"):
                raise ValueError(f"argument {argument!r} does not begin with --")
            if name in ("directory", "filename", "name", "output", "output_format"):
                raise ValueError(f"{argument!r} is set by aifbench, which writes only into a folder of the run")
        return self


def arguments(options: FioOptions, folder: str, name: str, seed: int) -> list[str]:
    """Fio's command line for one run. Pure."""
    argv = ["fio", "--output-format=json", f"--name={name}", f"--directory={folder}", f"--rw={options.pattern}"]
    argv += [f"--bs={options.block_size}", f"--size={options.file_size}", f"--ioengine={options.engine}"]
    argv += [f"--iodepth={options.depth}", f"--numjobs={options.jobs}", "--group_reporting=1", "--thread=0"]
    argv += [f"--direct={int(single(options.direct))}", f"--fsync={options.fsync}", f"--randseed={seed & 0x7FFFFFFF}"]
    argv += [f"--end_fsync={int(options.fsync_at_end)}", f"--invalidate={int(options.cache == 'drop')}", "--eta=never"]
    if options.pattern in ("rw", "randrw"):
        argv.append(f"--rwmixread={round(single(options.read_share) * 100)}")
    if single(options.runtime) > 0:
        argv += [f"--runtime={round(single(options.runtime) * 1000)}ms", "--time_based=1"]
    return [*argv, *options.arguments]


def parse(out: bytes) -> dict[str, float | None]:
    """The numbers of one run: bytes, bytes per second, operations per second, completion latency in ns per direction.

    Raises ValueError when it is not fio's JSON. A direction that did nothing has None everywhere.
    """
    text = out.decode("utf-8", "replace")
    start = text.find("{")  # warnings may come first
    try:
        job = json.loads(text[max(start, 0) :])["jobs"][0]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("the JSON has no jobs") from error
    numbers: dict[str, float | None] = {
        "runtime_s": job.get("job_runtime", 0) / 1000 / max(1, int(job.get("job options", {}).get("numjobs", 1))),
        "user_share": job.get("usr_cpu", 0) / 100,
        "system_share": job.get("sys_cpu", 0) / 100,
    }
    for direction in _DIRECTIONS:
        found = job.get(direction) or {}
        ran = bool(found.get("total_ios"))
        latency = found.get("clat_ns") or {}
        marks = latency.get("percentile") or {}
        numbers |= {
            f"{direction}_bytes": found.get("io_bytes") if ran else None,
            f"{direction}_bandwidth": found.get("bw_bytes") if ran else None,
            f"{direction}_iops": found.get("iops") if ran else None,
            f"{direction}_latency_ns_mean": latency.get("mean") if ran else None,
        }
        for mark, label in _PERCENTILES.items():
            numbers[f"{direction}_latency_ns_{label}"] = marks.get(mark) if ran else None
    sync = (job.get("sync") or {}).get("lat_ns") or {}
    numbers["fsync_latency_ns_mean"] = sync.get("mean") if sync.get("N") else None
    return numbers


class FioUser:
    """One user runs one fio at a time in a folder of its own, so that files are laid out once."""

    def __init__(self, client: FioClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    def perform(self, operation: Operation) -> None:
        client = self._client
        argv = arguments(client.options, str(self._folder), "job", mix(client.seed ^ operation.seq))
        done = call(argv, timeout_s=client.timeout_s, env={}, cwd=self._folder)
        operation.detail = done
        judge(operation, done)

    def close(self) -> None:
        """The files stay for the next trial; `cleanup` removes them."""


class FioClient:
    def __init__(self, options: FioOptions, context: WorkerContext) -> None:
        self.options = options
        self.seed = context.seed
        self.timeout_s = context.timeout_s
        self._folder = Path(context.prepared["folder"])
        self._version = context.prepared.get("fio_version")

    def kind(self, seq: int) -> str:
        return f"fio-{self.options.pattern}"

    def open_user(self, user: int) -> FioUser:
        """The file is laid out here, outside the measured window."""
        folder = self._folder / f"u{user}"
        folder.mkdir(parents=True, exist_ok=True)
        layout = [*arguments(self.options, str(folder), "job", self.seed), "--create_only=1"]
        done = call(layout, timeout_s=600, env={}, cwd=folder)
        if done.exit_code != 0:
            raise LoadError(
                f"fio refused the job (exit code {done.exit_code})",
                quoted=(done.err or done.out).decode("utf-8", "replace").splitlines()[-5:],
                hint="direct needs a file system and a block size that allow O_DIRECT",
            )
        return FioUser(self, folder)

    def columns(self, operations: Sequence[Operation]) -> dict[str, list[Any]]:
        rows: list[dict[str, float | None]] = []
        for operation in operations:
            done = operation.detail
            numbers: dict[str, float | None] = {}
            if isinstance(done, Completed) and done.exit_code == 0:
                try:
                    numbers = parse(done.out)
                except ValueError as error:
                    operation.fail("bad-output", f"{error}; {last_line(done.out)}")
            operation.bytes_in = round(numbers.get("read_bytes") or 0)
            operation.bytes_out = round(numbers.get("write_bytes") or 0)
            rows.append(numbers)
        names = sorted({name for row in rows for name in row})
        return {name: [row.get(name) for row in rows] for name in names}

    def facts(self) -> dict[str, Any]:
        return {"fio_version": self._version}

    def close(self) -> None:
        """Nothing is held."""


class Fio(Workload):
    recipe_keys = FioOptions
    summary = "Jobs of fio on a directory: bandwidth, operations per second, completion latency as fio measures them"
    family = "file"
    targets = ("path",)
    default_load: ClassVar[Mapping[str, Any]] = {"arrival": "closed", "concurrency": 1, "operations": 3}
    options: FioOptions

    def missing(self, protocol: str) -> list[str]:
        return [] if shutil.which("fio") else [f"the program fio ({INSTALL})"]

    def estimate_bytes(self) -> int:
        return single(self.options.file_size) * single(self.options.jobs)

    def prepare(self, context: PrepareContext) -> Mapping[str, Any]:
        if not shutil.which("fio"):
            raise MissingExtra("the program fio", install=INSTALL, where="fio")
        folder = make_folder(context)
        version = call(["fio", "--version"], timeout_s=20, env={}, cwd=folder)
        return {"folder": str(folder), "fio_version": last_line(version.out), "metrics": {}}

    def open_client(self, context: WorkerContext) -> BlockingClient:
        return FioClient(self.options, context)

    def cleanup(self, context: PrepareContext, prepared: Mapping[str, Any]) -> None:
        remove_folder(run_folder(context.target, context.run, context.preparation))
