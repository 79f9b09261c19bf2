"""For each fault of the simulator: the exact sample that must come of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aifbench.metrics.evaluate import evaluate_trial
from aifbench.model.load import Load, Stop
from aifbench.model.result import Validity
from aifbench.simulate.faults import FAULTS, FaultRule
from tests.metrics.making import TRIAL, point
from tests.simulators import behaviour, rows, run_worker, running, trial_job

EVENTS = 8
ONE = Load("closed", duration_s=5.0, concurrency=1, operations=1, timeout_s=3.0, drain_s=4.0)

# fault → status, error kind, content events, output tokens, where the tokens come from
STREAMED: dict[str, tuple[str, str | None, int, int | None, str | None]] = {
    "die": ("error", "reset", 0, None, None),
    "reset-before-head": ("error", "reset", 0, None, None),
    "reset-in-head": ("error", "reset", 0, None, None),
    "reset-after-head": ("error", "reset", 0, None, None),
    "reset-in-stream": ("error", "reset", 4, 4, "events (estimated)"),
    "close-in-stream": ("error", "short-body", 4, 4, "events (estimated)"),
    "http-400": ("error", "http-400", 0, None, None),
    "http-401": ("error", "http-401", 0, None, None),
    "http-404": ("error", "http-404", 0, None, None),
    "http-429": ("error", "http-429", 0, None, None),
    "http-500": ("error", "http-500", 0, None, None),
    "http-503": ("error", "http-503", 0, None, None),
    "redirect": ("error", "redirect", 0, None, None),
    "html": ("error", "not-a-stream", 0, None, None),
    "stall": ("ok", None, 8, 8, "usage"),
    "slow-first": ("ok", None, 8, 8, "usage"),
    "slow-drip": ("ok", None, 8, 8, "usage"),
    "no-done": ("ok", None, 8, 8, "usage"),
    "no-usage": ("ok", None, 8, 8, "events (estimated)"),
    "wrong-usage": ("ok", None, 8, 16, "usage"),
    "role-first": ("ok", None, 8, 8, "usage"),
    "empty-chunks": ("ok", None, 8, 8, "usage"),
    "comments": ("ok", None, 8, 8, "usage"),
    "reasoning-first": ("ok", None, 8, 8, "usage"),
    "tool-calls": ("ok", None, 8, 8, "usage"),
    "merged": ("ok", None, 8, 8, "usage"),
    "split": ("ok", None, 8, 8, "usage"),
    "multibyte": ("ok", None, 8, 8, "usage"),
    "crlf": ("ok", None, 8, 8, "usage"),
    "huge": ("ok", None, 8, 8, "usage"),
    "idle-close": ("ok", None, 8, 8, "usage"),
    "bad-json": ("error", "bad-json", 7, 8, "usage"),
}
WHOLE: dict[str, tuple[str, str | None, int | None]] = {
    "long-body": ("error", "long-body", 8),
    "short-body": ("error", "short-body", 8),
    "gzip": ("error", "compressed", None),
    "html": ("error", "bad-json", None),
}


def one(folder: Path, rule: FaultRule, **options: Any) -> tuple[dict[str, Any], Any]:
    with running(behaviour(faults=(rule,))) as simulator:
        samples, _ = run_worker(trial_job(folder, simulator.port, ONE, **options))
        return rows(samples)[0], simulator.exchanges[0]


@pytest.mark.parametrize("name", sorted(STREAMED))
def test_streamed(name: str, tmp_path: Path) -> None:
    value = 2_000_000 if name == "slow-drip" else 5_000_000
    sample, truth = one(tmp_path, FaultRule(name, value))
    status, error, content_events, tokens, source = STREAMED[name]
    assert (sample["status"], sample["error_kind"]) == (status, error)
    assert len(sample["event_ns"]) == content_events
    assert (sample["output_tokens"], sample["output_tokens_source"]) == (tokens, source)
    # Every stamp lies after the simulator wrote the first bytes, and in order.
    stamps = sample["event_ns"]
    assert stamps == sorted(stamps)
    assert not stamps or stamps[0] >= truth.written_ns[0]
    assert sample["t_start"] <= truth.received_ns <= sample["t_end"]


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_in_one_piece(name: str, tmp_path: Path) -> None:
    sample, _ = one(tmp_path, FaultRule(name), stream=False)
    assert (sample["status"], sample["error_kind"], sample["output_tokens"]) == WHOLE[name]


def test_an_endless_stream_ends_by_time_out(tmp_path: Path) -> None:
    sample, _ = one(tmp_path, FaultRule("endless"))
    assert (sample["status"], sample["error_kind"]) == ("timeout", "timeout")
    assert len(sample["event_ns"]) > 10


def test_every_fault_has_its_expected_sample() -> None:
    assert set(FAULTS) == set(STREAMED) | set(WHOLE) | {"endless"}


def test_reasoning_counts_for_ttft_but_not_for_the_answer(tmp_path: Path) -> None:
    sample, _ = one(tmp_path, FaultRule("reasoning-first"))
    assert sample["answer_ns"] == sample["event_ns"][4]


@pytest.mark.parametrize(("name", "other"), [("role-first", 1), ("empty-chunks", 8), ("comments", 8)])
def test_what_generates_nothing_is_counted_apart(name: str, other: int, tmp_path: Path) -> None:
    """Beside these stand the finish event and the usage event."""
    sample, _ = one(tmp_path, FaultRule(name))
    assert sample["other_events"] == other + 2


def test_events_of_one_packet_share_one_stamp(tmp_path: Path) -> None:
    sample, _ = one(tmp_path, FaultRule("merged"))
    assert len(set(sample["event_ns"])) == 1


def test_a_connection_closed_while_idle_costs_the_next_operation_nothing_but_a_connect(tmp_path: Path) -> None:
    load = Load("closed", duration_s=5.0, concurrency=1, operations=3, think_time_s=0.05)
    with running(behaviour(faults=(FaultRule("idle-close", 1_000_000),))) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    assert [row["status"] for row in rows(samples)] == ["ok"] * 3
    assert report["facts"]["connects_in_load"] == 2


def test_a_dead_server_is_refused_from_then_on_and_does_not_make_the_generator_spin(tmp_path: Path) -> None:
    load = Load("closed", duration_s=0.6, concurrency=2)
    with running(behaviour(faults=(FaultRule("die", numbers=(0,)),))) as simulator:
        samples, _ = run_worker(trial_job(tmp_path, simulator.port, load))
    found = rows(samples)
    assert {row["error_kind"] for row in found} <= {"reset", "refused"}
    assert sum(row["error_kind"] == "refused" for row in found) >= 2
    assert len(found) < 40


def test_a_redirect_names_where_it_leads(tmp_path: Path) -> None:
    sample, _ = one(tmp_path, FaultRule("redirect"))
    assert sample["note"] == "302 to /elsewhere"


def test_a_compressed_answer_names_the_encoding(tmp_path: Path) -> None:
    sample, _ = one(tmp_path, FaultRule("gzip"), stream=False)
    assert "(gzip)" in sample["note"]


def test_a_target_that_resets_everything_ends_its_load_early(tmp_path: Path) -> None:
    load = Load("constant", duration_s=20.0, rate_per_s=100.0, stop=Stop(error_rate=0.5, after=20))
    with running(behaviour(faults=(FaultRule("reset-before-head"),))) as simulator:
        samples, report = run_worker(trial_job(tmp_path, simulator.port, load))
    assert report["stop_code"] == "errors"
    assert samples.table.num_rows < 500
    result = evaluate_trial(point(load), TRIAL, replace(samples, workers=(report,)), "llm")
    found = {finding.code: finding for finding in result.findings}
    assert result.validity is Validity.INVALID
    assert found["too-many-errors"].verdict is Validity.DEGRADED
    assert "reset" in found["errors"].text
    assert "the target closed connections" in found["errors"].hint


@pytest.mark.parametrize("stream", [True, False])
def test_a_target_that_answers_with_web_pages_is_invalid_with_one_hint(stream: bool, tmp_path: Path) -> None:
    load = Load("closed", duration_s=5.0, concurrency=1, operations=8)
    with running(behaviour(faults=(FaultRule("html"),))) as simulator:
        samples, _ = run_worker(trial_job(tmp_path, simulator.port, load, stream=stream))
    result = evaluate_trial(point(load), TRIAL, samples, "llm")
    errors = next(finding for finding in result.findings if finding.code == "errors")
    assert result.validity is Validity.INVALID
    assert errors.hint.startswith("the target is not what the recipe names: check its address, path and protocol")
    assert "<html>" in errors.hint
