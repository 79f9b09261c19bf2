"""One result with everything a report must be able to show: all families, sweeps, missing values, every validity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from statistics import median
from typing import Any

from aifbench.metrics.declare import declared
from aifbench.metrics.series import quantile_grid
from aifbench.model.load import Load
from aifbench.model.plan import Estimate, LoadPoint, Plan, PlannedService, Preparation, Stage, Trial
from aifbench.model.result import (
    Declaration,
    Finding,
    Metric,
    PointResult,
    RunResult,
    SloVerdict,
    TrialResult,
    Validity,
)

NASTY = "<script>alert('x')</script>"

RECIPE = f"""\
name: everything
description: all families at once {NASTY}
trials: 3
services:
  llm: {{uses: llama.cpp, model: tiny-random}}
  chroma: {{uses: chroma}}
workloads:
  chat:
    uses: llm-chat
    target: llm
    load: {{arrival: poisson, rate_per_s: [2, 4, 8], duration: 20s, warmup: 4s}}
    slo: ["ttft_p99 < 500ms", "error_rate < 1%"]
"""

_QUANTILES = quantile_grid(5000)

Numbers = Mapping[str, tuple[str, float | None]]


def _spread(random: Random, middle: float) -> list[float]:
    return [
        middle * (0.55 + 0.45 * (1 + 0.8 * (-math.log10(1 - q * 0.9999)) ** 1.3)) * random.uniform(0.97, 1.03)
        for q in _QUANTILES
    ]


def series(random: Random, rate: float, middle: float, errors: Mapping[str, Any], family: str) -> dict[str, Any]:
    bins = range(24)
    completed = [max(0, round(random.gauss(rate, rate**0.5))) for _ in bins]
    p50 = [middle * (2.2 if t < 4 else 1) * random.uniform(0.9, 1.1) for t in bins]
    response = sorted(_spread(random, middle))
    found: dict[str, Any] = {
        "over_time": {
            "bin_s": 1.0,
            "t_s": [float(t) for t in bins],
            "started": [max(0, round(random.gauss(rate, rate**0.5))) for _ in bins],
            "completed": completed,
            "errors": [1 if errors and t % 9 == 5 else 0 for t in bins],
            "response_max_s": [None if t == 0 else value * 4.5 for t, value in zip(bins, p50, strict=True)],
            "response_p50_s": [None if t == 0 else value for t, value in zip(bins, p50, strict=True)],
            "response_p99_s": [
                None if t == 0 else value * random.uniform(2, 4) for t, value in zip(bins, p50, strict=True)
            ],
            "in_flight": [max(0, round(rate * value * random.uniform(0.8, 1.4))) for value in p50],
            "window_s": [4.1, 23.6],
            "warmup_end_s": 4.0,
        },
        "quantiles": {"q": _QUANTILES, "response_s": response, "service_s": [value * 0.93 for value in response]},
        "errors": dict(errors),
        "slowest": [
            {
                "seq": 17 + i,
                "op": "chat",
                "t_intended_s": 7.25 + i,
                "t_start_s": 7.2504 + i,
                "t_end_s": 9.5 + i,
                "status": "ok",
                "error_kind": None,
            }
            for i in range(3)
        ],
    }
    if family == "llm":
        found["ttft_quantiles"] = {"q": _QUANTILES, "value_s": sorted(_spread(random, middle / 5))}
        found["icl_quantiles"] = {"q": _QUANTILES, "value_s": sorted(_spread(random, middle / 60))}
        found["tokens_over_time"] = {"t_s": [float(t) for t in bins], "tokens": [value * 32 for value in completed]}
    if family == "object":
        found["ttfb_quantiles"] = {"q": _QUANTILES, "value_s": sorted(_spread(random, middle / 2))}
        found["by_operation"] = {
            "get": {"count": 700, "ok": 698, "errors": 2, "p50_s": middle, "p99_s": middle * 4},
            "put": {"count": 250, "ok": 250, "errors": 0, "p50_s": middle * 2, "p99_s": middle * 6},
            "delete": {"count": 12, "ok": 12, "errors": 0, "p50_s": middle, "p99_s": None},
        }
    return found


def point(
    name: str,
    workload: str,
    uses: str,
    family: str,
    target: str,
    numbers: Numbers,
    *,
    varied: Mapping[str, Any] | None = None,
    validity: Validity = Validity.VALID,
    findings: tuple[Finding, ...] = (),
    slo: tuple[SloVerdict, ...] = (),
    errors: Mapping[str, Any] | None = None,
    trials: int = 3,
) -> PointResult:
    """A load point whose trials scatter by a few percent around `numbers`; values over trials are their medians."""
    random = Random(name)
    rate = numbers.get("throughput", ("1/s", 10.0))[1] or 10.0
    middle = numbers.get("response_time_p50", ("s", 0.01))[1] or 0.01
    done = []
    for number in range(1, trials + 1):
        own = {
            key: Metric(key, unit, None, n=int(rate * 20), reason=f"n={int(rate * 20)}, needs 368")
            if value is None
            else Metric(
                key,
                unit,
                value * (random.uniform(0.97, 1.03) if "recall" not in key else random.uniform(0.997, 1.0)),
                value * 0.95,
                value * 1.05,
                n=int(rate * 20),
            )
            for key, (unit, value) in numbers.items()
        }
        failed = sum(entry["count"] for entry in (errors or {}).values())
        started = int(rate * 24)
        done.append(
            TrialResult(
                trial=f"{name}.t{number}",
                point=name,
                number=number,
                validity=validity,
                findings=findings if number == 1 else (),
                metrics=own,
                counts={
                    "scheduled": started + 3,
                    "started": started,
                    "dropped": 3,
                    "ok": started - failed,
                    "error": failed,
                    "timeout": 0,
                    "cancelled": 0,
                    "unfinished": 0,
                },
                window_ns=(4_100_000_000, 23_600_000_000),
                series=series(random, rate, middle, errors or {}, family),
            )
        )
    together = {}
    for key, (unit, _) in numbers.items():
        values = [value for trial in done if (value := trial.metrics[key].value) is not None]
        if values:
            together[key] = Metric(key, unit, median(values), min(values), max(values), n=len(values))
        else:
            together[key] = Metric(key, unit, None, reason=done[0].metrics[key].reason)
    return PointResult(
        name, workload, uses, family, target, varied or {}, validity, findings, together, slo, tuple(done)
    )


def _chat(rate: float, index: int) -> PointResult:
    slow = {2.0: 1.0, 4.0: 1.25, 8.0: 3.4}[rate]
    numbers: Numbers = {
        "ttft_p50": ("s", 0.041 * slow),
        "ttft_p99": ("s", None if rate == 2.0 else 0.182 * slow),
        "tpot_p50": ("s", 0.0123 * slow),
        "e2e_p99": ("s", None if rate == 2.0 else 1.31 * slow),
        "response_time_p50": ("s", 0.62 * slow),
        "response_time_p99": ("s", None if rate == 2.0 else 1.33 * slow),
        "output_throughput": ("tokens/s", rate * 31.7),
        "throughput": ("1/s", rate * (0.99 if rate < 8 else 0.71)),
        "goodput": ("1/s", rate * (0.98 if rate < 8 else 0.12)),
        "attainment": ("share", 0.98 if rate < 8 else 0.15),
        "error_rate": ("share", 0.0 if rate < 8 else 0.0213),
    }
    errors = {
        "http-503": {"count": 9, "example": f"server said: {NASTY} overloaded"},
        "timeout": {"count": 2, "example": "no answer within 10 s"},
    }
    findings = (
        (
            Finding(
                "schedule-lag",
                Validity.INVALID,
                "schedule lag p99 is 412 ms although a slot was free for 37 of 161 operations (limit: 1 ms)",
                "give the load more workers (load.workers) or a lower rate",
            ),
            Finding("error-share", Validity.DEGRADED, "2.13 % of operations failed (limit: 1 %)", "see errors by kind"),
            Finding("conservation", Validity.VALID, "scheduled = started + dropped"),
        )
        if rate == 8.0
        else (Finding("conservation", Validity.VALID, "scheduled = started + dropped"),)
    )
    seen = numbers["ttft_p99"][1]
    slo = (
        SloVerdict(
            "ttft_p99 < 500ms",
            None if seen is None else seen < 0.5,
            seen,
            "n/a (n=39, needs 368)" if seen is None else f"{seen * 1000:.4g} ms",
        ),
        SloVerdict(
            "error_rate < 1%", rate < 8, numbers["error_rate"][1], f"{(numbers['error_rate'][1] or 0) * 100:g} %"
        ),
    )
    return point(
        f"chat.{index}",
        "chat",
        "llm-chat",
        "llm",
        "llm",
        numbers,
        varied={"load.rate_per_s": rate},
        validity=Validity.INVALID if rate == 8.0 else Validity.VALID,
        findings=findings,
        slo=slo,
        errors=errors if rate == 8.0 else None,
    )


def _search(target: str, factor: float) -> list[PointResult]:
    found = []
    for index, ef in enumerate((16, 64, 256), 1):
        numbers: Numbers = {
            "throughput": ("1/s", factor * 4000 / ef**0.6),
            "recall_mean": ("share", {16: 0.871, 64: 0.9634, 256: 0.9971}[ef] - (0.02 if target == "milvus" else 0)),
            "recall_p1": ("share", 0.5),
            "response_time_p50": ("s", 0.0021 * ef**0.6 / factor),
            "response_time_p99": ("s", 0.0064 * ef**0.6 / factor),
            "error_rate": ("share", 0.0),
        }
        degraded = target == "milvus" and ef == 256
        found.append(
            point(
                f"search.{target}.{index}",
                "search",
                "vector-search",
                "vector",
                target,
                numbers,
                varied={"ef_search": ef},
                validity=Validity.DEGRADED if degraded else Validity.VALID,
                findings=(
                    Finding(
                        "worker-cpu", Validity.DEGRADED, "worker 0 used 91 % of a CPU (limit: 80 %)", "add workers"
                    ),
                )
                if degraded
                else (),
            )
        )
    return found


def points() -> tuple[PointResult, ...]:
    mix: Numbers = {
        "throughput": ("1/s", 480.0),
        "bandwidth_in": ("bytes/s", 31.4e6),
        "bandwidth_out": ("bytes/s", 12.7e6),
        "ttfb_p50": ("s", 0.0019),
        "ttfb_p99": ("s", 0.0088),
        "response_time_p50": ("s", 0.0024),
        "error_rate": ("share", 0.0021),
        "get.response_time_p50": ("s", 0.0021),
        "get.response_time_p99": ("s", 0.0093),
        "put.response_time_p50": ("s", 0.0049),
        "put.response_time_p99": ("s", 0.0171),
        "delete.response_time_p50": ("s", 0.0017),
        "delete.response_time_p99": ("s", None),
    }
    return (
        *(_chat(rate, index) for index, rate in enumerate((2.0, 4.0, 8.0), 1)),
        *_search("chroma", 1.0),
        *_search("milvus", 0.7),
        *_search("faiss", 6.0),
        point(
            "bank",
            "bank",
            "sql",
            "sql",
            "db",
            {
                "tps": ("1/s", 1873.0),
                "throughput": ("1/s", 1873.0),
                "response_time_p50": ("s", 0.00193),
                "response_time_p99": ("s", 0.0079),
                "error_rate": ("share", 0.0004),
            },
            errors={"sqlstate-40001": {"count": 3, "example": "could not serialize access"}},
        ),
        point(
            "blobs", "blobs", "object", "object", "s3", mix, errors={"http-404": {"count": 2, "example": "NoSuchKey"}}
        ),
        point(
            "disk",
            "disk",
            "file",
            "file",
            "scratch",
            {
                "read_bandwidth": ("bytes/s", 2.31e9),
                "write_bandwidth": ("bytes/s", 4.1e8),
                "throughput": ("1/s", 26_344.0),
                "response_time_p50": ("s", 0.000_037),
                "response_time_p99": ("s", 0.000_41),
                "error_rate": ("share", 0.0),
            },
        ),
        point(
            "script",
            "script",
            "command",
            "command",
            "llm",
            {
                "throughput": ("1/s", 4.2),
                "response_time_p50": ("s", 0.231),
                "response_time_p99": ("s", None),
                "error_rate": ("share", 0.0),
                "value.loss_mean": ("", 0.25),
            },
            trials=1,
        ),
    )


def across() -> dict[str, Any]:
    """As metrics.across makes it."""
    curves: list[dict[str, Any]] = []
    for target in ("chroma", "milvus", "faiss"):
        high: dict[str, Any] = {"value": 150.5, "reason": ""}
        if target == "milvus":
            high = {"value": None, "reason": "the recall–QPS curve ends at recall 0.9858"}
        reached = {"qps_at_recall_0.9": {"value": 401.5, "reason": ""}, "qps_at_recall_0.99": high}
        curves.append(
            {"workload": "search", "target": target, "load": "closed 2 users", "points": [], "qps_at_recall": reached}
        )
    return {"recall_qps": curves}


def declarations() -> dict[str, Declaration]:
    found: dict[str, Declaration] = {}
    for family in ("llm", "vector", "sql", "object", "file", "command"):
        found |= declared(family)
    return found


def result() -> RunResult:
    return RunResult(
        schema=1,
        run="20261121-141500-everything-3f2a",
        name=f"everything {NASTY}",
        status="finished",
        started="2026-11-21T14:15:00.123Z",
        ended="2026-11-21T14:24:31.900Z",
        plan_hash="sha256:0123456789abcdef",
        points=points(),
        preparations={
            "search-chroma": {
                "metrics": {"insert_rate": 8123.4, "index_build_time": 1.92, "index_bytes_per_vector": None},
                "reasons": {"index_bytes_per_vector": "Chroma does not tell"},
                "collection": "aifbench_everything",
            },
            "blobs-s3": {"metrics": {"objects": 500, "insert_rate": 612.5, "insert_bandwidth": 4.01e7}},
        },
        services={
            "llm": {
                "uses": "llama.cpp",
                "version": "b7000",
                "configuration": {"n_ctx": 2048, "n_parallel": 4},
                "usage": {"max_rss_bytes": 812_646_400, "user_s": 81.25},
            },
            "chroma": {
                "uses": "chroma",
                "version": "1.5.9",
                "configuration": {"anonymized_telemetry": False, "note": NASTY},
            },
        },
        environment={
            "schema": 1,
            "host": "node-a",
            "kernel": "6.12.0",
            "seed": 1,
            "memory_bytes": 8_589_934_592,
            "cpu": {"model": "Some CPU @ 2.5 GHz", "logical": 2, "governor": None, "flags": ["avx2", "fma"]},
            "disks": [{"name": "vda", "size_bytes": 68_719_476_736}],
            "packages": {f"package-{index}": f"1.{index}" for index in range(30)},
        },
        problems=("samples/bank/t2/w0.parquet ends in the middle of a row group; it was left out",),
        declarations=declarations(),
        across=across(),
        checks={"blobs-s3": {"checked": 200, "wrong": 0}},
    )


def plan() -> Plan:
    load = Load(arrival="poisson", duration_s=20.0, warmup_s=4.0, rate_per_s=2.0)
    stage = Stage(
        id="search",
        services=(PlannedService("chroma", "chroma", {}, "local", 60.0),),
        preparations=(Preparation("search-chroma", "search", "vector-search", "chroma", {}, 7),),
        points=(LoadPoint("search.chroma.1", "search", "vector-search", "chroma", {}, load, "search-chroma"),),
        trials=(Trial("search.chroma.1.t1", "search.chroma.1", 1, 11),),
    )
    return Plan(
        schema=1,
        name="everything",
        site="local",
        executor="local",
        seed=1,
        recipe_hash="sha256:fedcba9876543210",
        stages=(stage,),
        estimate=Estimate(24.0, 48, None, 1, 1),
        labels={"team": "hpc"},
    )


def with_problem(text: str) -> RunResult:
    return replace(result(), problems=(text,))


def empty() -> RunResult:
    """A run that ended before any load point had a result."""
    return RunResult(
        schema=1, run="r", name="empty", status="interrupted", started="", ended="", plan_hash="", points=(),
        preparations={}, services={}, environment={},
    )  # fmt: skip
