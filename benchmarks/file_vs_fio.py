"""Our `file` against fio (psync): same file system, block size and users, through the page cache and past it."""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.workloads.drive import drive_blocking, make, prepare_context, worker_context

from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from benchmarks.support.pairs import Measured, heading, interleaved, line
from benchmarks.support.trial import trial

FIO_WORDS = {"rand-read": "randread", "rand-write": "randwrite", "seq-read": "read", "seq-write": "write"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--users", type=int, default=1)
    parser.add_argument("--patterns", nargs="+", choices=sorted(FIO_WORDS), default=["rand-read", "rand-write"])
    parser.add_argument("--blocks", nargs="+", default=["4KiB", "128KiB", "1MiB"])
    parser.add_argument("--size", default="256MiB", help="of each user's file")
    parser.add_argument(
        "--folder", default=None, help="a directory on the file system to measure; else a temporary one"
    )
    given = parser.parse_args()
    if not shutil.which("fio"):
        raise SystemExit("fio is not installed: apt-get install fio")
    with TemporaryDirectory(dir=given.folder) as name:
        print(heading("aifbench", "fio"))
        for direct in (False, True):
            for pattern in given.patterns:
                for block in given.blocks:
                    print(_measure(Path(name), given, pattern, block, direct), flush=True)


def _measure(folder: Path, given: Any, pattern: str, block: str, direct: bool) -> str:
    target = Target("disk", "directory", (Endpoint("path", folder.as_uri(), attributes={"path": str(folder)}),))
    ours_options = {"pattern": pattern, "block_size": block, "file_size": given.size, "direct": direct, "verify": 0.0}
    file = make("file", **ours_options)
    context = prepare_context(target, folder / "prepare", preparation=f"ours-{block}")
    prepared = file.prepare(context)
    warm = pattern.endswith("read") and not direct
    theirs_options = {
        "pattern": FIO_WORDS[pattern],
        "block_size": block,
        "file_size": given.size,
        "direct": direct,
        "jobs": given.users,
        "runtime": given.seconds,
        "fsync_at_end": False,
        "cache": "as-is",
        # Ours draws blocks with replacement, and lays files out by writing them, so that the cache holds them.
        "arguments": ["--norandommap=1", *(["--pre_read=1"] if warm else [])],
    }
    fio = make("fio", **theirs_options)
    fio_context = prepare_context(target, folder / "prepare", preparation=f"fio-{block}")
    fio_prepared = fio.prepare(fio_context)
    client: Any = fio.open_client(worker_context(target, fio_prepared, folder / "fio"))
    object.__setattr__(client, "timeout_s", 120.0)
    way = "read" if pattern.endswith("read") else "write"

    load = Load("closed", given.seconds, 0.3, concurrency=given.users, workers=given.users)
    ours = partial(trial, folder / "trial", "file", ours_options, target, prepared, load, 1)

    def theirs() -> Measured:
        ended = drive_blocking(client, 1)
        if ended[0].status != "ok":
            raise SystemExit(f"fio failed: {ended[0].error} {ended[0].note}")
        columns = client.columns(ended)
        share = columns["user_share"][0] + columns["system_share"][0]
        rate = float(columns[f"{way}_iops"][0])
        return Measured(rate, share * given.users / rate * 1e6)

    mine, reference = interleaved(given.pairs, ours, theirs)
    file.cleanup(context, prepared)
    fio.cleanup(fio_context, fio_prepared)
    title = f"{pattern} {block}{' direct' if direct else ''}, {given.users} users"
    return line(title, mine, reference)


if __name__ == "__main__":
    main()
