"""Files that cannot be read are named; the others count."""

from __future__ import annotations

from pathlib import Path

from aifbench.model.operation import Operation
from aifbench.samples.read import read_trial
from aifbench.samples.write import to_table, write


def put(folder: Path, worker: int, own: list[int | None]) -> Path:
    operations = [Operation(seq, "get", 1000 + seq) for seq in range(len(own))]
    for operation in operations:
        operation.status = "ok"
        operation.start = 2000
    constants = {"run": "r", "point": "p", "trial": 1, "worker": worker}
    table = to_table(operations, {"ttfb_ns": own}, constants, lambda _: "steady", {"worker": worker, "schema": 1})
    path = folder / f"w{worker}.parquet"
    write(table, path)
    return path


def test_all_workers_come_together(tmp_path: Path) -> None:
    put(tmp_path, 0, [1, 2])
    put(tmp_path, 1, [None])
    samples = read_trial(tmp_path)
    assert samples.table.num_rows == 3
    assert samples.table.column("ttfb_ns").to_pylist() == [1, 2, None]
    assert [worker["worker"] for worker in samples.workers] == [0, 1]


def test_a_truncated_file_is_named_and_left_out(tmp_path: Path) -> None:
    put(tmp_path, 0, [1, 2])
    path = put(tmp_path, 1, [3])
    path.write_bytes(path.read_bytes()[:100])
    samples = read_trial(tmp_path)
    assert samples.table.num_rows == 2
    assert len(samples.problems) == 1
    assert str(path) in samples.problems[0]


def test_times_that_did_not_happen_are_null(tmp_path: Path) -> None:
    put(tmp_path, 0, [1])
    row = read_trial(tmp_path).table.to_pylist()[0]
    assert (row["t_intended"], row["t_start"], row["t_first"]) == (1000, 2000, None)


def test_a_foreign_parquet_file_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "w0.parquet")
    samples = read_trial(tmp_path)
    assert "not a samples file" in samples.problems[0]
    assert samples.table.num_rows == 0
