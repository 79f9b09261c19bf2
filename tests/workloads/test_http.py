"""`http` against the simulator: what is sent, what counts as right, and the exact samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aifbench.errors import LoadError
from aifbench.model.load import Load
from aifbench.model.service import Endpoint, Target
from aifbench.workloads.http import HttpOptions, body_of
from tests.simulators import behaviour, rows, run_worker, running, trial_job


def options(**given: Any) -> HttpOptions:
    return HttpOptions(**given)


FEW = Load("closed", duration_s=5.0, concurrency=2, operations=6, timeout_s=3.0, drain_s=4.0)


def asked(folder: Path, first: str = "2ms", load: Load = FEW, **options: Any) -> tuple[list[dict[str, Any]], Any]:
    with running(behaviour(first)) as simulator:
        target = Target("sim", "external", (Endpoint("http", simulator.url),))
        job = replace(trial_job(folder, 1, load), uses="http", options=options, target=target, prepared={})
        samples, _ = run_worker(job)
        return rows(samples), simulator


def test_bodies_are_counted_without_heads_and_the_first_byte_comes_after_the_time_to_first(tmp_path: Path) -> None:
    found, simulator = asked(tmp_path, path="/bytes/5000")
    assert [row["status"] for row in found] == ["ok"] * 6
    assert {(row["op"], row["bytes_in"], row["bytes_out"], row["http_status"]) for row in found} == {
        ("get", 5000, 0, 200)
    }
    truth = {exchange.received_ns: exchange for exchange in simulator.exchanges}
    for row in found:
        began = min(at for at in truth if at >= row["t_start"])
        assert row["ttfb_ns"] == row["t_first"] - row["t_start"] >= 2_000_000
        assert row["t_first"] >= truth[began].written_ns[0]


def test_a_status_that_was_expected_is_right_and_any_other_is_not(tmp_path: Path) -> None:
    found, _ = asked(tmp_path / "a", path="/nothing/here", expect=[404])
    assert {(row["status"], row["http_status"]) for row in found} == {("ok", 404)}
    found, _ = asked(tmp_path / "b", path="/nothing/here")
    assert {(row["status"], row["error_kind"]) for row in found} == {("error", "http-404")}
    found, _ = asked(tmp_path / "c", path="/bytes/1", expect=[201])
    assert {(row["status"], row["error_kind"], row["note"]) for row in found} == {("error", "http-200", "expected 201")}


def test_a_text_that_every_answer_must_hold_is_looked_for_after_the_load(tmp_path: Path) -> None:
    found, _ = asked(tmp_path / "a", path="/ndjson/3", contains='{"line":2}')
    assert {row["status"] for row in found} == {"ok"}
    found, _ = asked(tmp_path / "b", path="/ndjson/2", contains='{"line":2}')
    assert {row["error_kind"] for row in found} == {"content-mismatch"}


def test_what_is_sent_is_counted(tmp_path: Path) -> None:
    body = '{"prompt": "a b c", "max_tokens": 2}'
    found, _ = asked(tmp_path, method="POST", path="/v1/completions", body=body, content_type="application/json")
    assert {(row["op"], row["status"], row["bytes_out"]) for row in found} == {("post", "ok", len(body))}


def test_a_body_comes_from_a_text_a_file_or_a_size(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\x00\x01")
    assert body_of(options(method="PUT", body_file=str(file))) == b"\x00\x01"
    assert body_of(options(method="PUT", body_size=3)) == b"xxx"
    assert body_of(options(method="PUT", body="é")) == b"\xc3\xa9"
    assert body_of(options()) is None
    with pytest.raises(LoadError, match="cannot be read"):
        body_of(options(method="PUT", body_file=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "get"}, "pattern"),
        ({"path": "no-slash"}, "pattern"),
        ({"path": "/with space"}, "pattern"),
        ({"headers": {"Host": "x"}}, "which the client sets itself"),
        ({"headers": {"X-A": "a\r\nb"}}, "a value of one line"),
        ({"method": "POST", "body": "x", "body_size": 1}, "expected one of them"),
        ({"body": "x"}, "expected a method that sends something"),
        ({"expect": [99]}, "greater than or equal to 200"),
    ],
)
def test_a_mistake_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HttpOptions(**options)


def test_lines_of_json_are_stamped_one_by_one(tmp_path: Path) -> None:
    found, simulator = asked(tmp_path, path="/ndjson/5", events="ndjson")
    assert {(row["status"], len(row["event_ns"])) for row in found} == {("ok", 5)}
    truth = {exchange.received_ns: exchange for exchange in simulator.exchanges}
    for row in found:
        began = min(at for at in truth if at >= row["t_start"])
        assert all(seen >= wrote for seen, wrote in zip(row["event_ns"], truth[began].written_ns, strict=True))
        assert row["event_ns"][0] - 2_000_000 >= row["t_start"]


def test_what_is_no_stream_of_the_named_events_is_an_error(tmp_path: Path) -> None:
    found, _ = asked(tmp_path / "a", path="/bytes/10", events="ndjson")
    assert {row["error_kind"] for row in found} == {"bad-json"}
    found, _ = asked(tmp_path / "b", path="/bytes/10", events="sse")
    assert {row["error_kind"] for row in found} == {"no-events"}
    body = '{"messages": [], "stream": true, "max_tokens": 3}'
    found, _ = asked(tmp_path / "c", path="/v1/chat/completions", method="POST", body=body, events="sse")
    assert {(row["status"], len(row["event_ns"])) for row in found} == {("ok", 5)}  # and a finish event, and [DONE]
