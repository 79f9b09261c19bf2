"""Inference metrics on hand-made streams."""

from __future__ import annotations

from typing import Any

import pytest

from aifbench.metrics.evaluate import evaluate_trial
from aifbench.model.load import Load
from aifbench.model.result import Metric, TrialResult
from tests.metrics.making import CLOSED, TRIAL, Row, at, point, samples

OPEN = Load("constant", duration_s=1.0, rate_per_s=10.0)


def request(
    start: float,
    events: list[float],
    *,
    tokens: int | None,
    late: float = 0.0,
    per_event: list[int] | None = None,
    **own: Any,
) -> Row:
    """Events in milliseconds after the actual start; the answer ends 1 ms after its last event."""
    begin = start + late
    columns = {
        "event_ns": [at(begin + event) for event in events],
        "event_tokens": per_event,
        "output_tokens": tokens,
        "output_tokens_source": "usage",
        "input_tokens": 10,
        **own,
    }
    return Row(start, begin, begin + (events[-1] if events else 50) + 1, op="chat", own=columns)


def trial(rows: list[Row], load: Load = OPEN) -> TrialResult:
    return evaluate_trial(point(load), TRIAL, samples(rows), "llm")


def metrics(rows: list[Row], load: Load = OPEN) -> dict[str, Metric]:
    return dict(trial(rows, load).metrics)


STREAM = [20.0, 30.0, 45.0, 60.0]


def test_time_to_first_token_counts_from_the_intended_start_in_open_loop_and_from_the_actual_in_closed() -> None:
    rows = [request(100 * i, STREAM, tokens=4, late=5) for i in range(6)]
    opened, closed = metrics(rows), metrics(rows, CLOSED)
    assert (opened["ttft_p50"].value, opened["ttft_service_p50"].value, opened["ttft_user_p50"].value) == (
        0.025,
        0.02,
        0.025,
    )
    assert (closed["ttft_p50"].value, closed["ttft_user_p50"].value) == (0.02, 0.025)


def test_end_to_end_is_to_the_last_content_event() -> None:
    assert metrics([request(100 * i, STREAM, tokens=4, late=5) for i in range(6)])["e2e_p50"].value == 0.06


def test_first_answer_leaves_reasoning_out() -> None:
    rows = [request(100 * i, STREAM, tokens=4, answer_ns=at(100 * i + 45)) for i in range(6)]
    assert metrics(rows)["ttfa_p50"].value == 0.045
    assert metrics([request(0, STREAM, tokens=4)])["ttfa_mean"].reason.startswith("no stamp of the first event")


def test_time_per_output_token_leaves_the_first_events_tokens_out() -> None:
    """40 ms from first to last event; 6 tokens of which the first event brought 2: 10 ms each."""
    rows = [request(100 * i, STREAM, tokens=6, per_event=[2, 1, 1, 2]) for i in range(6)]
    assert metrics(rows)["tpot_p50"].value == 0.01
    unknown = [request(100 * i, STREAM, tokens=6) for i in range(6)]
    assert metrics(unknown)["tpot_p50"].value == 0.008  # one token in the first event, where nobody says


def test_time_per_output_token_of_a_single_token_is_undefined_not_zero() -> None:
    found = metrics([request(100 * i, [20.0], tokens=1) for i in range(6)])["tpot_p50"]
    assert (found.value, found.n, found.reason) == (None, 0, "undefined: no answer had a token after its first event")
    mixed = [request(100 * i, [20.0] if i == 0 else STREAM, tokens=1 if i == 0 else 4) for i in range(7)]
    assert metrics(mixed)["tpot_mean"].n == 6


def test_gaps_between_chunks_and_between_tokens_are_two_things() -> None:
    """Gaps 10, 15, 15 ms with 1, 1, 2 tokens: 10, 15 and 7.5 ms per token."""
    found = metrics([request(100 * i, STREAM, tokens=5, per_event=[1, 1, 1, 2]) for i in range(6)])
    assert found["icl_mean"] == Metric("icl_mean", "s", 240_000_000 / 18 / 1e9, n=18)
    assert found["itl_mean"].value == pytest.approx((0.010 + 0.015 + 0.0075) / 3, rel=1e-12)
    assert (found["itl_min"].value, found["icl_max"].value) == (0.0075, 0.015)


def test_tokens_per_event_are_known_where_there_are_as_many_events_as_tokens() -> None:
    equal = metrics([request(100 * i, STREAM, tokens=4) for i in range(6)])
    assert equal["itl_mean"].value == equal["icl_mean"].value
    fewer = metrics([request(100 * i, STREAM, tokens=5) for i in range(6)])
    assert fewer["itl_mean"].reason == "the server does not say how many tokens each event carries"
    guessed = [request(100 * i, STREAM, tokens=4, output_tokens_source="events (estimated)") for i in range(6)]
    assert metrics(guessed)["itl_mean"].value is None


def test_gaps_never_cross_requests() -> None:
    assert metrics([request(100 * i, [20.0, 21.0], tokens=2) for i in range(6)])["icl_max"].value == 0.001


def test_only_tokens_stamped_inside_the_window_count() -> None:
    """Requests at 0, 100, 200 ms with tokens at +20, 30, 45, 60 ms: window from 61 to 200 ms holds 4 tokens."""
    found = metrics([request(100 * i, STREAM, tokens=4) for i in range(3)])
    assert found["output_throughput"] == Metric("output_throughput", "tokens/s", 4 / 0.139, n=4)
    assert found["total_throughput"].value == pytest.approx(14 / 0.139, rel=1e-15)


def test_tokens_of_an_event_without_a_count_are_shared_out_evenly() -> None:
    found = metrics([request(100 * i, STREAM, tokens=6) for i in range(3)])
    assert found["output_throughput"].value == pytest.approx(6 / 0.139, rel=1e-15)


def test_an_answer_in_one_piece_has_no_time_to_first_token_but_its_tokens_count_at_its_end() -> None:
    rows = [request(100 * i, [], tokens=4) for i in range(4)]
    found = metrics(rows)
    assert (found["ttft_mean"].value, found["ttft_mean"].reason) == (
        None, "no content events: the answers were not streamed, or were empty",
    )  # fmt: skip
    assert found["e2e_mean"].value == 0.051
    assert found["output_throughput"].value == pytest.approx(8 / 0.249, rel=1e-15)


def test_failed_requests_have_no_latency_and_no_tokens() -> None:
    rows = [request(100 * i, STREAM, tokens=4) for i in range(3)]
    broken = Row(110, 110, 150, "error", op="chat", own={"event_ns": [at(120), at(130)], "output_tokens": None})
    assert metrics([*rows, broken])["output_throughput"].value == metrics(rows)["output_throughput"].value
    assert metrics([*rows, broken])["ttft_mean"].n == 3


def test_estimated_token_counts_degrade() -> None:
    result = trial([request(100 * i, STREAM, tokens=4, output_tokens_source="events (estimated)") for i in range(6)])
    assert result.metrics["estimated_tokens_share"].value == 1.0
    assert "token-source" in {finding.code for finding in result.findings if finding.verdict.value == "DEGRADED"}


def test_token_counts_are_described() -> None:
    found = metrics([request(100 * i, STREAM, tokens=4 + i) for i in range(6)])
    assert (found["output_tokens_mean"].value, found["input_tokens_mean"].value) == (6.5, 10.0)


def test_a_stall_shows_in_the_quantiles_of_gaps_and_tokens_over_time() -> None:
    series = trial([request(100 * i, STREAM, tokens=4) for i in range(6)]).series
    assert sum(series["tokens_over_time"]["tokens"]) == 24
    assert series["icl_quantiles"]["value_s"][-1] == 0.015
    assert set(series["ttft_quantiles"]) == {"q", "value_s"}
