"""`aifbench simulate` as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aifbench.load.transport.http import fetch
from aifbench.simulate.faults import FAULTS
from tests.cli.calling import call


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aifbench", "simulate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def test_the_address_is_the_only_line_and_a_signal_ends_it_with_the_record_written(tmp_path: Path) -> None:
    record = tmp_path / "truth.parquet"
    process = start("--first", "2ms", "--gap", "1ms", "--record", str(record))
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    for _ in range(3):
        assert fetch(url, path="/ndjson/4").status == 200
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (out, process.returncode) == ("", 0), err
    rows = pq.read_table(record).to_pylist()
    assert len(rows) == 3
    for row in rows:
        due = [at - row["began_ns"] for at in row["due_ns"]]
        assert due == [2_000_000, 3_000_000, 4_000_000, 5_000_000]
        assert all(written >= at for at, written in zip(row["due_ns"], row["written_ns"], strict=True))


def test_it_ends_by_itself() -> None:
    process = start("--duration", "100ms", "--json")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert json.loads(out)["url"].startswith("http://127.0.0.1:")


def test_the_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(json.loads(call(capsys, "simulate", "--list-faults", "--json").out)) == set(FAULTS)
    shown = call(capsys, "simulate", "--list-faults").out
    assert all(name in shown for name in FAULTS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--first", "10x"), "'10x' is not a duration"),
        (("--gap", "normal:1ms"), "expected 100ms, normal:"),
        (("--fault", "htpp-500"), "http-500"),
        (("--fault", "stall@x"), "expected a share such as 0.1 or numbers"),
        (("--duration", "soon"), "is not a duration"),
        (("--record", "/no/such/folder/x.parquet"), "does not exist"),
        (("--slots", "0"), "0 is not in the range"),
    ],
)
def test_a_mistake_is_named_before_anything_listens(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    answer = call(capsys, "simulate", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_a_port_that_is_taken_is_an_error_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    process = start("--duration", "30s", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    port = json.loads("{" + process.stdout.readline().rstrip(",\n") + "}")["port"]
    answer = call(capsys, "simulate", "--port", str(port))
    process.terminate()
    process.communicate(timeout=20)
    assert answer.code == 5
    assert "already in use" in answer.err
