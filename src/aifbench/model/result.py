"""Numbers and what may be said about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

RESULT_SCHEMA = 1


@dataclass(frozen=True)
class Declaration:
    """What a metric is. `source` cites where the definition comes from; `better` says which direction is good."""

    name: str
    unit: str
    better: Literal["higher", "lower", "neither"]
    definition: str
    source: str


@dataclass(frozen=True)
class Metric:
    """One number of one load point or trial.

    `value` is None when it could not be measured; `reason` then says why and is shown as `n/a (reason)`.
    `low` and `high` bound the 95 % interval where there is one; `n` is the number of samples or trials behind it.
    """

    name: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""


class Validity(StrEnum):
    VALID = "VALID"
    DEGRADED = "DEGRADED"
    INVALID = "INVALID"


@dataclass(frozen=True)
class Finding:
    """One validity check's answer: `code` is the check's name, `text` says what was seen and against which limit."""

    code: str
    verdict: Validity
    text: str
    hint: str = ""


@dataclass(frozen=True)
class SloVerdict:
    """`met` is None when the metric could not be measured."""

    expression: str
    met: bool | None
    observed: float | None
    text: str


@dataclass(frozen=True)
class TrialResult:
    trial: str
    point: str
    number: int
    validity: Validity
    findings: tuple[Finding, ...]
    metrics: Mapping[str, Metric]
    counts: Mapping[str, int]  # scheduled, started, dropped, and one per status, over all phases
    window_ns: tuple[int, int] | None  # the common throughput window, monotonic, of the reference machine
    status: Literal["finished", "failed", "interrupted"] = "finished"
    reason: str = ""
    series: Mapping[str, Any] = field(default_factory=dict)  # what charts draw; each has a documented shape


@dataclass(frozen=True)
class PointResult:
    """All trials of one load point together; `metrics` are over trials (value: median of trials, n: trials)."""

    point: str
    workload: str
    uses: str
    family: str
    target: str
    varied: Mapping[str, Any]
    validity: Validity
    findings: tuple[Finding, ...]
    metrics: Mapping[str, Metric]
    slo: tuple[SloVerdict, ...]
    trials: tuple[TrialResult, ...]


@dataclass(frozen=True)
class RunResult:
    schema: int
    run: str
    name: str
    status: Literal["finished", "failed", "interrupted", "running"]
    started: str
    ended: str
    plan_hash: str
    points: tuple[PointResult, ...]
    preparations: Mapping[str, Mapping[str, Any]]  # preparation id → facts (rows per second, index build, …)
    services: Mapping[str, Mapping[str, Any]]  # service → version, effective configuration, usage
    environment: Mapping[str, Any]
    problems: tuple[str, ...] = ()
    declarations: Mapping[str, Declaration] = field(default_factory=dict)
    across: Mapping[str, Any] = field(default_factory=dict)  # what is read off several load points together
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # preparation → found after its last trial
