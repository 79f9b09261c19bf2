"""Objectives: what may be written, what each mistake says, and how one is judged."""

from __future__ import annotations

import pytest

from aifbench.errors import RecipeError
from aifbench.metrics.slo import Limit, judge, known_metrics, limits, parse_slo
from aifbench.model.result import Metric


@pytest.mark.parametrize(
    ("text", "family", "name", "comparison", "limit"),
    [
        ("ttft_p99 < 500ms", "llm", "ttft_p99", "<", 0.5),
        ("error_rate<1%", "common", "error_rate", "<", 0.01),
        ("error_rate <= 0.01", "sql", "error_rate", "<=", 0.01),
        ("throughput >= 100/s", "sql", "throughput", ">=", 100.0),
        ("tps ≥ 600/min", "sql", "tps", ">=", 10.0),
        ("get.response_time_p99 < 20ms", "object", "get.response_time_p99", "<", 0.02),
        ("response_time_p99.9 < 1s", "file", "response_time_p99.9", "<", 1.0),
        ("get.response_time_p99.9 < 1s", "object", "get.response_time_p99.9", "<", 1.0),
        ("bandwidth_in > 10MiB/s", "object", "bandwidth_in", ">", 10 * 2**20),
        ("recall_mean >= 95%", "vector", "recall_mean", ">=", 0.95),
        ("value.gflops_mean > 3", "command", "value.gflops_mean", ">", 3.0),
    ],
)
def test_an_objective_is_metric_comparison_and_limit_in_the_metrics_unit(
    text: str, family: str, name: str, comparison: str, limit: float
) -> None:
    slo = parse_slo(text, family)
    assert (slo.name, slo.comparison) == (name, comparison)
    assert slo.limit == pytest.approx(limit, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ttft_p9 < 500ms", "did you mean 'ttft_p99'?"),
        ("get.ttft_p9 < 500ms", "did you mean 'get.ttft_p99'?"),
        ("ttft_p99 < 500", "'500' is not a duration"),
        ("ttft_p99 > 500ms", "write 'ttft_p99 < 500ms'"),
        ("throughput <= 5/s", "write 'throughput >= 5/s'"),
        ("ttft_p99 == 500ms", "unknown comparison '=='"),
        ("error_rate < 120%", "outside of 0 to 1"),
        ("error_rate < nan", "is not a share"),
        ("throughput > many", "'many' is not a number"),
        ("fast please", "is not an objective"),
        ("", "is not an objective"),
        ("tps > 5/s", "unknown metric 'tps'"),
    ],
)
def test_a_mistake_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_slo(text, "llm")
    assert says in str(caught.value)
    assert len(caught.value.problems) == 1


def test_every_known_metric_can_be_written_in_an_objective() -> None:
    for family in ("common", "llm", "vector", "sql", "object", "file", "command"):
        for name in known_metrics(family):
            texts = [f"{name} {sign} {limit}" for sign in "<>" for limit in ("1s", "1")]
            assert any(_parses(text, family) for text in texts), name


def _parses(text: str, family: str) -> bool:
    try:
        return parse_slo(text, family).name == text.split(maxsplit=1)[0]
    except RecipeError:
        return False


def test_an_objective_is_met_missed_or_not_decidable() -> None:
    slo = parse_slo("ttft_p99 < 500ms", "llm")
    met = judge(slo, {"ttft_p99": Metric("ttft_p99", "s", 0.412, n=400)})
    assert (met.met, met.observed, met.text) == (True, 0.412, "ttft_p99 < 500 ms: met, 412 ms")
    assert judge(slo, {"ttft_p99": Metric("ttft_p99", "s", 0.5, n=400)}).met is False
    unknown = judge(slo, {"ttft_p99": Metric("ttft_p99", "s", None, reason="n=20, 368 needed")})
    assert (unknown.met, unknown.observed) == (None, None)
    assert unknown.text == "ttft_p99 < 500 ms: n/a (n=20, 368 needed)"
    assert judge(slo, {}).met is None


def test_the_loosest_objective_on_a_latency_limits_each_operation() -> None:
    texts = ["ttft_p50 < 100ms", "ttft_p99 <= 500ms", "chat.e2e_p95 < 2s", "icl_p99 < 1s", "throughput > 1/s"]
    found = limits([parse_slo(text, "llm") for text in texts], "llm")
    assert found == (Limit("ttft", "", "<=", 0.5), Limit("e2e", "chat", "<", 2.0))
