"""Which numbers stand for a family of workloads, and how a metric's name is written as a head."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from aifbench.metrics.declare import VALUE_PREFIX
from aifbench.metrics.declare import declaration as declared_in
from aifbench.model.result import Declaration, PointResult, RunResult

TITLES: Mapping[str, str] = {
    "llm": "Inference",
    "vector": "Vector search",
    "sql": "Relational database",
    "object": "Object storage",
    "http": "HTTP",
    "grpc": "gRPC",
    "file": "File storage",
    "command": "Command",
}

HEADLINE: Mapping[str, tuple[str, ...]] = {
    "llm": (
        "ttft_p50", "ttft_p99", "tpot_p50", "e2e_p99", "output_throughput", "throughput", "goodput", "error_rate",
    ),
    "vector": ("throughput", "recall_mean", "response_time_p50", "response_time_p99", "error_rate"),
    "sql": ("tps", "response_time_p50", "response_time_p99", "error_rate"),
    "object": ("throughput", "bandwidth_in", "bandwidth_out", "ttfb_p50", "ttfb_p99", "error_rate"),
    "http": ("throughput", "bandwidth_in", "ttfb_p50", "ttfb_p99", "response_time_p99", "error_rate"),
    "grpc": (
        "throughput", "message_throughput", "ttfm_p50", "ttfm_p99", "response_time_p99", "error_rate",
    ),
    "file": ("read_bandwidth", "write_bandwidth", "throughput", "response_time_p99", "error_rate"),
    "command": ("throughput", "response_time_p50", "response_time_p99", "error_rate"),
}  # fmt: skip

_OTHER = ("throughput", "response_time_p50", "response_time_p99", "error_rate")
_QUANTILE = re.compile(r"_(p[0-9]+(?:\.[0-9]+)?|mean)$")


def title(family: str) -> str:
    return TITLES.get(family, family)


def families(result: RunResult) -> list[str]:
    """In the order in which the run met them."""
    return list(dict.fromkeys(point.family for point in result.points))


def headline(family: str, points: Iterable[PointResult]) -> list[str]:
    """The family's headline metrics that at least one of the points has, measured or `n/a`."""
    present = {name for point in points for name in point.metrics}
    return [name for name in HEADLINE.get(family, _OTHER) if name in present]


def label(metric: str) -> str:
    """`response_time_p99` → `response time p99`: the recipe's word, made to wrap."""
    return metric.replace("_", " ")


def split_operation(metric: str) -> tuple[str, str]:
    """`get.response_time_p99.9` → (`get`, `response_time_p99.9`); the first part is empty for all operations together.

    Numbers that a measured program printed (`value.loss_mean`) have a dot too and no operation.
    """
    head, dot, tail = metric.partition(".")
    return (head, tail) if dot and tail[:1].isalpha() and not metric.startswith(VALUE_PREFIX) else ("", metric)


def declaration(result: RunResult, metric: str) -> Declaration | None:
    """What a metric is: as the result says (so that old results keep their meaning), else as the tables say today."""
    plain = split_operation(metric)[1]
    for name in (metric, plain, _QUANTILE.sub("", plain)):
        if name in result.declarations:
            return result.declarations[name]
    found = (declared_in(plain, family) for family in families(result))
    return next((row for row in found if row is not None), None)
