"""The workload `file`: real files, their content, and what happens when the file system says no."""

from __future__ import annotations

import os
import pickle
import resource
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aifbench.errors import LoadError
from aifbench.executors.call import call
from aifbench.model.operation import Operation
from aifbench.model.service import Endpoint, Target
from aifbench.workloads.file.block import LAID_OUT, BlockPool, fault
from aifbench.workloads.file.options import FileOptions
from tests.workloads.drive import drive_blocking, make, prepare_context, worker_context

SMALL = {"block_size": "4KiB", "file_size": "64KiB", "files": 2, "verify": 1.0}


class Files:
    """One prepared directory and clients on it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.workload = make("file", **{**SMALL, **options})
        target = Target("disk", "directory", (Endpoint("path", folder.as_uri(), attributes={"path": str(folder)}),))
        self.context = prepare_context(target, folder / "own")
        self.facts = self.workload.prepare(self.context)
        self.folder = Path(self.facts["folder"])

    def client(self, seed: int = 1, worker: int = 0, workers: int = 1) -> Any:
        context = worker_context(
            self.context.target, self.facts, self.folder.parent.parent, seed=seed, worker=worker, workers=workers
        )
        return self.workload.open_client(context)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"block_size": "3KiB", "file_size": "4KiB"}, "not a multiple"),
        ({"block_size": 1000, "file_size": 2000, "direct": True}, "multiple of 512"),
        ({"pattern": "metadata", "direct": True}, "not for the pattern metadata"),
        ({"metadata": {"create": 0, "stat": 0, "read": 0, "delete": 0}}, "all weights are 0"),
        ({"verify": 1.5}, "less than or equal to 1"),
    ],
)
def test_contradicting_options_are_refused_with_the_reason(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FileOptions(**options)


def test_a_block_is_known_by_its_place_and_its_checksum() -> None:
    pool = BlockPool(4096, seed=3, file_base=100)
    block = bytearray(pool.block(file=2, offset=8192, seq=LAID_OUT, index=1))
    assert fault(memoryview(block), 3, 102, 8192) == ""
    assert "another place" in fault(memoryview(block), 3, 102, 4096)
    block[2000] ^= 1
    assert "checksum" in fault(memoryview(block), 3, 102, 8192)
    block[8] ^= 1
    assert "header" in fault(memoryview(block), 3, 102, 8192)


@pytest.mark.parametrize("pattern", ["seq-read", "rand-read", "seq-write", "rand-write", "rand-mix", "fsync"])
def test_every_pattern_moves_whole_blocks_and_all_content_is_right(tmp_path: Path, pattern: str) -> None:
    files = Files(tmp_path, pattern=pattern)
    client = files.client()
    ended = drive_blocking(client, 80, users=2)
    columns = client.columns(ended)
    assert Counter(operation.status for operation in ended) == {"ok": 80}
    assert all(operation.bytes_in + operation.bytes_out == 4096 for operation in ended)
    facts = client.facts()
    assert facts["verified"] == facts["reads"] == sum(operation.kind == "read" for operation in ended)
    assert facts["mismatched"] == 0
    synced = [ns for ns in columns["fsync_ns"] if ns is not None]
    assert len(synced) == (80 if pattern == "fsync" else 0)


def test_operations_that_were_moved_to_disk_are_checked_like_the_others_and_facts_add_up(tmp_path: Path) -> None:
    files = Files(tmp_path, pattern="seq-read")
    client = files.client()
    moved = pickle.loads(pickle.dumps(drive_blocking(client, 6)))
    for batch in (moved[:4], moved[4:]):
        client.columns(batch)
    facts = client.facts()
    assert (facts["verified"], facts["mismatched"], facts["application_read_bytes"]) == (6, 0, 6 * 4096)


def test_sequential_reads_go_through_all_blocks_of_all_files_and_begin_again(tmp_path: Path) -> None:
    files = Files(tmp_path, pattern="seq-read")
    client = files.client()
    kept = [(operation.detail.file, operation.detail.offset) for operation in drive_blocking(client, 33)]
    assert kept == [(file, block * 4096) for file in range(2) for block in range(16)] + [(0, 0)]


def test_what_random_writes_leave_is_whole_for_reads_of_the_next_trial(tmp_path: Path) -> None:
    files = Files(tmp_path, pattern="rand-write", fsync="close")
    drive_blocking(files.client(seed=8), 100)
    client = Files(tmp_path, pattern="rand-read").client(seed=9)
    ended = drive_blocking(client, 100)
    client.columns(ended)
    facts = client.facts()
    assert (facts["reads"], facts["verified"], facts["mismatched"]) == (100, 100, 0)
    assert "laid_out_bytes" not in client.facts()


def test_a_changed_byte_on_disk_is_found_after_the_load(tmp_path: Path) -> None:
    files = Files(tmp_path, pattern="seq-read")
    drive_blocking(files.client(), 1)
    path = files.folder / "u0" / "d0"
    content = bytearray(path.read_bytes())
    content[3 * 4096 + 100] ^= 255
    path.write_bytes(content)
    client = files.client()
    ended = drive_blocking(client, 16)
    assert {operation.status for operation in ended} == {"ok"}
    client.columns(ended)
    assert [(o.seq, o.error) for o in ended if o.status == "error"] == [(3, "content-mismatch")]


def test_kinds_and_places_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    files = Files(tmp_path, pattern="rand-mix", read_share=0.3)
    one = [files.client(seed=4).kind(seq) for seq in range(200)]
    parts = [files.client(seed=4, worker=worker, workers=4) for worker in range(4)]
    assert one == [parts[seq % 4].kind(seq) for seq in range(200)]
    assert 30 < Counter(one)["read"] < 90


def test_metadata_operations_work_on_real_files_and_never_run_dry(tmp_path: Path) -> None:
    mix = {"create": 1, "stat": 1, "read": 1, "delete": 3}
    files = Files(tmp_path, pattern="metadata", file_size=1000, files=5, metadata=mix)
    client = files.client()
    ended = drive_blocking(client, 300, users=2)
    client.columns(ended)
    count = Counter(operation.kind for operation in ended)
    assert {operation.status for operation in ended} == {"ok"}
    assert set(count) == {"create", "stat", "read", "delete"}
    assert client.facts()["files_made_because_none_was_left"] > 0
    assert (client.facts()["verified"], client.facts()["mismatched"]) == (count["read"], 0)
    made = count["create"] + 10 + client.facts()["files_made_because_none_was_left"]
    assert sum(len(list((files.folder / f"m{user}").iterdir())) for user in range(2)) == made - count["delete"]


def test_fresh_sequential_writes_begin_with_an_empty_file_on_every_pass(tmp_path: Path) -> None:
    files = Files(tmp_path, pattern="seq-write", overwrite=False, files=1)
    drive_blocking(files.client(), 18)
    assert (files.folder / "u0" / "d0").stat().st_size == 2 * 4096


def test_direct_reads_and_writes_bypass_the_cache_where_the_file_system_can(tmp_path: Path) -> None:
    files = Files(tmp_path, pattern="rand-mix", direct=True)
    client = files.client()
    try:
        ended = drive_blocking(client, 40)
    except LoadError as error:
        pytest.skip(str(error))
    client.columns(ended)
    assert {operation.status for operation in ended} == {"ok"}
    assert client.facts()["device_read_bytes"] >= client.facts()["application_read_bytes"]


def test_a_file_system_that_refuses_direct_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LoadError, match="refuses O_DIRECT"):
        Files(tmp_path, direct=True).client().open_user(0)


NO_BYTE_CODE = {"PYTHONDONTWRITEBYTECODE": "1"}  # Python 3.11 would leave a truncated file in the package


FULL = """
import json, resource, sys
from pathlib import Path
from tests.workloads.test_file import Files
from tests.workloads.drive import drive_blocking
files = Files(Path(sys.argv[1]), pattern=sys.argv[2], overwrite=False, files=1, verify=0.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
client = files.client()
ended = drive_blocking(client, 8)
client.columns(ended)
print(json.dumps([[o.status, o.error] for o in ended]))
"""


def test_a_file_that_may_not_grow_ends_operations_with_its_error_and_not_the_run(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    argv = [sys.executable, "-c", FULL, str(tmp_path), "seq-write"]
    done = call(argv, timeout_s=60, env={"PYTHONPATH": str(root), **NO_BYTE_CODE}, cwd=tmp_path)
    assert done.exit_code == 0, done.err.decode()
    assert done.out.decode().strip() == str(
        [["ok", ""]] * 4 + [["error", "short-write"]] + [["error", "efbig"]] * 3
    ).replace("'", '"')


def test_a_layout_that_does_not_fit_is_one_clear_error_before_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    files = Files(tmp_path, pattern="rand-read")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, hard))
    try:
        with pytest.raises(LoadError, match="cannot lay out files"):
            files.client().open_user(0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_cleanup_removes_the_runs_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    files = Files(tmp_path)
    drive_blocking(files.client(), 2)
    foreign = files.folder.parent / "foreign"
    foreign.write_text("keep")
    files.workload.cleanup(files.context, files.facts)
    assert not files.folder.exists()
    assert foreign.exists()
    foreign.unlink()
    files.workload.prepare(files.context)
    files.workload.cleanup(files.context, files.facts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "precious"]


def test_an_operation_that_was_never_done_has_no_fsync_time(tmp_path: Path) -> None:
    assert Files(tmp_path).client().columns([Operation(1, "write", 0)]) == {"fsync_ns": [None]}
