"""The workload `fio`: our options become fio's, and fio's numbers become columns."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aifbench.errors import LoadError
from aifbench.model.service import Endpoint, Target
from aifbench.workloads.fio import INSTALL, FioOptions, arguments, parse
from tests.workloads.drive import drive_blocking, make, prepare_context, worker_context

needs_fio = pytest.mark.skipif(not shutil.which("fio"), reason=f"fio is not installed: {INSTALL}")


def target(folder: Path) -> Target:
    return Target("disk", "directory", (Endpoint("path", folder.as_uri()),))


def test_options_become_fios_own_arguments() -> None:
    options = FioOptions(pattern="randrw", block_size=4096, file_size=1 << 20, read_share=0.7, runtime=1.5, direct=True)
    argv = arguments(options, "/data/run", "job", 5)
    for wanted in ("--rw=randrw", "--bs=4096", "--size=1048576", "--rwmixread=70", "--direct=1", "--runtime=1500ms"):
        assert wanted in argv


@pytest.mark.parametrize("argument", ["--filename=/dev/sda", "--directory=/", "--output=/etc/passwd", "numjobs=3"])
def test_arguments_that_would_leave_the_runs_folder_are_refused(argument: str) -> None:
    with pytest.raises(ValidationError):
        FioOptions(arguments=(argument,))


@pytest.mark.parametrize("out", [b"", b"fio: failed", b"{}", b'{"jobs": []}'])
def test_output_that_is_not_fios_json_is_a_value_error(out: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        parse(out)


@needs_fio
@pytest.mark.live
def test_a_real_job_gives_bandwidth_and_leaves_nothing_behind(tmp_path: Path) -> None:
    workload = make("fio", pattern="randrw", block_size="4KiB", file_size="1MiB", fsync=8)
    context = prepare_context(target(tmp_path), tmp_path / "own")
    facts = workload.prepare(context)
    client: Any = workload.open_client(worker_context(context.target, facts, tmp_path / "w"))
    ended = drive_blocking(client, 2)
    columns = client.columns(ended)
    assert [operation.status for operation in ended] == ["ok", "ok"]
    assert all(value > 0 for value in columns["read_bandwidth"] + columns["write_bandwidth"])
    assert all(a + b == 1 << 20 for a, b in zip(columns["read_bytes"], columns["write_bytes"], strict=True))
    assert all(value > 0 for value in columns["read_latency_ns_p99"] + columns["fsync_latency_ns_mean"])
    assert ended[0].bytes_in == columns["read_bytes"][0]
    workload.cleanup(context, facts)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("aifbench-")] == []


@needs_fio
@pytest.mark.live
def test_a_job_that_fio_refuses_is_told_before_the_load_with_its_words(tmp_path: Path) -> None:
    workload = make("fio", arguments=["--no-such-option=1"])
    context = prepare_context(target(tmp_path), tmp_path / "own")
    facts = workload.prepare(context)
    client: Any = workload.open_client(worker_context(context.target, facts, tmp_path / "w"))
    with pytest.raises(LoadError, match="no-such-option"):
        client.open_user(0)
