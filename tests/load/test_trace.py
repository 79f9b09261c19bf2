"""Recorded arrivals: published layouts as they are, cuts and repetitions, and what is refused with its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aifbench.errors import LoadError
from aifbench.load.arrival.base import ARRIVALS
from aifbench.load.schedule import whole
from aifbench.model.load import Load
from tests.load.arrivals import load, resolved
from tests.simulators import behaviour, rows, run_worker, running, trial_job


def starts_s(made: Load) -> list[float]:
    return [float(start) / 1e9 for start in whole(made, 1)]


def lengths(made: Load) -> list[tuple[int, int]] | None:
    found = ARRIVALS.load("trace")().lengths(made, 1)
    if found is None:
        return None
    return list(zip(found.input_tokens.tolist(), found.output_tokens.tolist(), strict=True))


def test_the_azure_layout_is_read_as_it_is() -> None:
    made = load(arrival="trace", file="azure.csv", format="azure-llm")
    assert starts_s(made) == pytest.approx([0, 4.314579, 4.541877, 4.541877], abs=1e-9)
    assert lengths(made) == [(374, 44), (396, 109), (879, 55), (91, 16)]


def test_times_with_a_zone_are_read() -> None:
    made = load(arrival="trace", file="azure_zone.csv", format="azure-llm")
    assert starts_s(made) == pytest.approx([0, 0.007405], abs=1e-9)


def test_the_burstgpt_layout_is_read_and_an_answer_of_no_tokens_asks_for_one() -> None:
    made = load(arrival="trace", file="burstgpt.csv", format="burstgpt")
    assert starts_s(made) == [0, 40, 113]
    assert lengths(made) == [(472, 18), (1087, 230), (417, 1)]


def test_the_mooncake_layout_is_read_as_it_is() -> None:
    made = load(arrival="trace", file="mooncake.jsonl", format="mooncake")
    assert starts_s(made) == [0, 0, 3.052]
    assert lengths(made) == [(6758, 500), (7322, 490), (2287, 316)]


def test_a_trace_takes_its_own_time_and_has_no_warm_up_unless_asked() -> None:
    """Its length is one mean gap more than its last arrival, so that its rate is n / length."""
    made = load(arrival="trace", file="arrivals.csv")
    assert (made.warmup_s, made.duration_s) == (0, 3.125)
    assert made.rate_per_s == pytest.approx(5 / 3.125)
    assert starts_s(made) == [0, 0.25, 0.25, 1.0, 2.5]
    assert lengths(made) is None


def test_columns_and_unit_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("when,in,out\n1000,5,6\n3000,7,8\n")
    keys = {"column": "when", "unit": "ms", "input_column": "in", "output_column": "out"}
    made = load(arrival="trace", file=str(file), **keys)
    assert starts_s(made) == [0, 2]
    assert lengths(made) == [(5, 6), (7, 8)]


def test_json_lines_and_parquet_give_the_same_as_csv(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    times = [100.0, 100.25, 100.25, 101.0, 102.5]
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps({"timestamp": time}) for time in times))
    pq.write_table(pa.table({"timestamp": times}), tmp_path / "t.parquet")
    expected = starts_s(load(arrival="trace", file="arrivals.csv"))
    for kind in ("jsonl", "parquet"):
        assert starts_s(load(arrival="trace", file=str(tmp_path / f"t.{kind}"), format=kind)) == expected


def test_a_cut_keeps_the_silence_at_its_begin_and_aligns_lengths() -> None:
    columns = {"input_column": "prompt", "output_column": "answer"}
    made = load(arrival="trace", file="arrivals.csv", start=0.1, end=2, speedup=2, **columns)
    assert starts_s(made) == [0.075, 0.075, 0.45]
    assert made.duration_s == 0.95
    assert lengths(made) == [(11, 2), (12, 3), (13, 4)]


def test_a_loop_begins_again_one_mean_gap_after_the_last_arrival() -> None:
    columns = {"input_column": "prompt", "output_column": "answer"}
    made = load(arrival="trace", file="arrivals.csv", loop=True, duration=4, **columns)
    assert starts_s(made) == [0, 0.25, 0.25, 1.0, 2.5, 3.125, 3.375, 3.375]
    assert lengths(made) == [(10, 1), (11, 2), (12, 3), (13, 4), (14, 5), (10, 1), (11, 2), (12, 3)]


def test_a_loop_is_long_enough_for_a_count_of_operations() -> None:
    made = load(arrival="trace", file="arrivals.csv", loop=True, operations=12)
    assert len(starts_s(made)) == 12


def test_equal_plans_mean_equal_files(tmp_path: Path) -> None:
    """The plan holds the file's hash; a worker that finds another one refuses to begin."""
    file = tmp_path / "t.csv"
    file.write_text("timestamp\n1\n2\n")
    made = load(arrival="trace", file=str(file))
    assert len(made.shape["sha256"]) == 64
    file.write_text("timestamp\n1\n2\n3\n")
    assert load(arrival="trace", file=str(file)).shape["sha256"] != made.shape["sha256"]
    with pytest.raises(LoadError, match="was changed"):
        whole(made, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("timestamp\n", "has no rows"),
        ("time\n1\n2\n", "has no column 'timestamp'; it has: time"),
        ("timestamp\n1\n3\n2\n", "row 3: timestamp is 2, before 3"),
        ("timestamp\n-1\n3\n", "row 1: timestamp is -1, expected 0 or more"),
        ("timestamp\n1\nnan\n", "row 2: timestamp is 'nan', expected a number"),
        ("timestamp\n1\nsoon\n", "row 2: timestamp is 'soon', expected a number"),
        ("timestamp,x\n1,1\n,2\n", "row 2: timestamp is empty, expected a number"),
        ("timestamp\n1\n1\n1\n", "at one time"),
        ("timestamp\n1\n", "at one time"),
        ("timestamp\n0\n400000\n", "a gap of 111.1 h after arrival 1, expected at most 3600 s"),
        ("timestamp\n1700000000000\n1700100000000\n", "days"),
        ("timestamp\n1,2\n3\n", "is not csv"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_row(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    _, found = resolved(arrival="trace", file=str(file))
    assert [one.path for one in found] == [("file",)]
    assert said in found[0].message


@pytest.mark.parametrize(
    ("keys", "key", "said"),
    [
        ({"file": "absent.csv"}, "file", "No such file"),
        ({"file": "azure.csv", "column": "TIMESTAMP"}, "file", "row 1: TIMESTAMP is '2023-11-16 18:15:46.6805900'"),
        ({"file": "arrivals.csv", "unit": "datetime"}, "file", "row 1: timestamp is '100.0', expected a time"),
        ({"file": "arrivals.csv", "format": "parquet"}, "file", "is not parquet"),
        ({"file": "arrivals.csv", "format": "jsonl"}, "file", "row 1 is not JSON"),
        ({"file": "arrivals.csv", "input_column": "tokens"}, "file", "has no column 'tokens'"),
        ({"file": "arrivals.csv", "start": 10}, "start", "the cut holds no arrival"),
        ({"file": "arrivals.csv", "start": 2, "end": 1}, "end", "not after its start"),
        ({"file": "arrivals.csv", "duration": 10}, "duration", "but the trace only 3.125 s"),
        ({"file": "arrivals.csv", "operations": 6}, "operations", "has 5 arrivals, fewer than 6"),
        ({"file": "arrivals.csv", "warmup": 4}, "file", "not longer than warm-up and cool-down"),
        ({"file": "arrivals.csv", "speedup": 0}, "speedup", "more than 0"),
        ({"file": "arrivals.csv", "rate_per_s": 3}, "rate_per_s", "rates of its own"),
    ],
)
def test_keys_that_do_not_fit_the_trace_are_mistakes(keys: dict[str, Any], key: str, said: str) -> None:
    _, found = resolved(arrival="trace", **keys)
    assert [one.path for one in found] == [(key,)]
    assert said in found[0].message


@pytest.mark.parametrize("value", ["1.5", "-3", "many"])
def test_lengths_are_whole_numbers_of_tokens(value: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"timestamp,in\n1,5\n2,{value}\n")
    _, found = resolved(arrival="trace", file=str(file), input_column="in")
    assert f"row 2: in is {value}" in found[0].message.replace("'", "")


def test_a_longer_gap_can_be_allowed(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("timestamp\n0\n400000\n")
    assert load(arrival="trace", file=str(file), longest_gap="5d").duration_s == 800_000


def test_requests_have_the_lengths_of_the_trace(tmp_path: Path) -> None:
    """The server's record says what was asked: one token per word, and max_tokens."""
    columns = {"input_column": "prompt", "output_column": "answer"}
    made = load(arrival="trace", file="arrivals.csv", speedup=10, **columns)
    with running(behaviour()) as simulator:
        job = trial_job(tmp_path, simulator.port, made, input_tokens="trace", output_tokens="trace")
        samples, _ = run_worker(job)
    assert [row["output_tokens"] for row in rows(samples)] == [1, 2, 3, 4, 5]
    assert [row["input_tokens"] for row in rows(samples)] == [10, 11, 12, 13, 14]


def test_lengths_of_a_trace_need_a_load_that_has_one(tmp_path: Path) -> None:
    job = trial_job(tmp_path, 9, Load("constant", 1, rate_per_s=1), input_tokens="trace")
    with pytest.raises(LoadError, match="the load has no trace with lengths"):
        run_worker(job)
