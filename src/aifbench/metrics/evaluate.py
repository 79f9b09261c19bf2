"""From samples to results: one trial, one load point, the whole run. Pure; samples come from a given function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aifbench.metrics.across import in_process_targets, recall_curves
from aifbench.metrics.agreement import trial_spread
from aifbench.metrics.bootstrap import Blocks, cut, over_trials
from aifbench.metrics.ceiling import generator_share, share_metric
from aifbench.metrics.checks import common_findings, counts
from aifbench.metrics.columns import Operations
from aifbench.metrics.declare import declaration
from aifbench.metrics.family import Family, family_of
from aifbench.metrics.goodput import goodput
from aifbench.metrics.latency import adjusted, latency_values
from aifbench.metrics.rates import error_rate, rates, throughput
from aifbench.metrics.series import common_series, plain
from aifbench.metrics.slo import Slo, judge, limits, parse_slo
from aifbench.metrics.spread import Values, by_name, summarise
from aifbench.metrics.thresholds import OF_GENERATOR
from aifbench.metrics.together import together
from aifbench.metrics.validity import invariants, worst
from aifbench.metrics.view import Generator, View
from aifbench.metrics.window import Window, common_window, instants
from aifbench.model.plan import LoadPoint, Plan, Trial
from aifbench.model.result import (
    RESULT_SCHEMA,
    Declaration,
    Finding,
    Metric,
    PointResult,
    RunResult,
    TrialResult,
    Validity,
)
from aifbench.model.samples import Samples

LoadSamples = Callable[[LoadPoint, Trial], Samples | None]
"""The samples of a trial, or None when it has none (not done, failed before the load)."""

TrialEnd = tuple[Literal["finished", "failed", "interrupted"], str]
"""How a trial ended, and why if not well."""

SPLIT = ("response_time", "service_time", "ttfb")
"""Distributions that are also given for each kind of operation."""


@dataclass(frozen=True)
class Measured:
    """A trial's result, and its distributions cut into time blocks for the interval over trials."""

    result: TrialResult
    blocks: Mapping[str, Blocks | None] = field(default_factory=dict)


def evaluate_trial(point: LoadPoint, trial: Trial, samples: Samples, family: str) -> TrialResult:
    """All metrics, findings, counts and series of one trial."""
    return measure_trial(point, trial, samples, family).result


def measure_trial(
    point: LoadPoint,
    trial: Trial,
    samples: Samples,
    family: str,
    end: TrialEnd = ("finished", ""),
    *,
    in_process: bool = False,
    generator: Generator | None = None,
) -> Measured:
    """The same with what the interval over trials needs. `in_process`: the target answers inside the workers."""
    planned = point.load.workers
    point = _as_done(point, samples)
    slos = _slos(point, family)
    view = view_of(point, samples, slos, family, generator)
    kind = family_of(family)
    values = [*latency_values(view), *kind.values(view)]
    metrics = _metrics(view, kind, values, slos)
    findings = [
        *common_findings(view, samples, generator_is_target=kind.generator_is_target or in_process),
        *kind.findings(view),
        *_remedied(planned, point.load.workers),
    ]
    status, reason = end
    if status != "finished":
        findings.append(Finding(f"trial-{status}", Validity.INVALID, reason or f"the trial {status}"))
    result = TrialResult(
        trial=trial.id,
        point=point.id,
        number=trial.number,
        validity=worst(findings),
        findings=tuple(findings),
        metrics=metrics,
        counts=counts(view),
        window_ns=(view.window.start_ns, view.window.end_ns) if isinstance(view.window, Window) else None,
        status=status,
        reason=reason,
        series=plain({**common_series(view, values), **kind.series(view)}),
    )
    return Measured(result, _blocks(view, values))


def _as_done(point: LoadPoint, samples: Samples) -> LoadPoint:
    """With as many workers as there were: an earlier trial may have led to more than planned."""
    told = [int(report["workers"]) for report in samples.workers if isinstance(report.get("workers"), int)]
    return replace(point, load=replace(point.load, workers=max([point.load.workers, *told])))


def _remedied(planned: int, workers: int) -> list[Finding]:
    if workers == planned:
        return []
    text = f"{workers} workers instead of {planned}: an earlier trial of this load point showed the generator's limit"
    return [Finding("remedy", Validity.VALID, text)]


def view_of(
    point: LoadPoint, samples: Samples, slos: Sequence[Slo], family: str, generator: Generator | None = None
) -> View:
    operations = Operations(samples.table)
    when = instants(samples.workers, point.load, operations)
    window = common_window(operations, when.warmup_end_ns, when.end_ns)
    bounds = limits(slos, family)
    return View(operations, point.load, when, window, samples.workers, bounds, point.options, generator or Generator())


def _slos(point: LoadPoint, family: str) -> list[Slo]:
    return [parse_slo(expression, family) for expression in point.slo]


def _metrics(view: View, kind: Family, values: Sequence[Values], slos: Sequence[Slo]) -> dict[str, Metric]:
    operations = view.operations
    steady = operations.steady
    found = by_name([*rates(view), share_metric(generator_share(view))])
    found |= by_name(goodput(view, values))
    for item in values:
        found |= by_name(summarise(item, steady))
    found |= by_name(adjusted(view))
    kinds = operations.operation.present(steady)
    if len(kinds) > 1 or any(slo.operation for slo in slos):
        for name in kinds:
            found |= _of_operation(view, values, name)
    return found | by_name(kind.numbers(view, found))


def _of_operation(view: View, values: Sequence[Values], name: str) -> dict[str, Metric]:
    mine = view.operations.operation.among(name)
    found = [throughput(view, f"{name}.throughput", mine), error_rate(view, f"{name}.error_rate", mine)]
    for item in values:
        if item.declared.name in SPLIT:
            found += summarise(item, view.operations.steady & mine, f"{name}.")
    return by_name(found)


def _blocks(view: View, values: Sequence[Values]) -> dict[str, Blocks | None]:
    steady = view.operations.steady
    found = {}
    for item in values:
        if item.rows is not None:
            chosen = steady[item.rows]
            when = view.operations.intended[item.rows[chosen]]
            found[item.declared.name] = cut(item.values[chosen], when, item.per_unit)
    return found


def absent_trial(trial: Trial, end: TrialEnd) -> TrialResult:
    """A trial without samples: no metric, INVALID, with its reason."""
    status, reason = end
    text = reason or "the trial left no samples"
    finding = Finding("no-samples", Validity.INVALID, text.splitlines()[0])
    return TrialResult(trial.id, trial.point, trial.number, Validity.INVALID, (finding,), {}, {}, None, status, text)


def evaluate_point(
    point: LoadPoint,
    family: str,
    trials: Sequence[TrialResult],
    blocks: Sequence[Mapping[str, Blocks | None]] = (),
    planned: int | None = None,
    check: Mapping[str, Any] | None = None,
) -> PointResult:
    """Medians over trials with intervals, SLO verdicts on them, and the findings of all trials together.

    `blocks` belongs to `trials`, in order; without it intervals are drawn from the trials alone. A trial that failed
    or was interrupted gives no number. `planned` trials are expected. `check` is what the workload found in the data
    after the last trial (`invariants`: sentence → held).
    """
    used = [index for index, trial in enumerate(trials) if trial.status == "finished" and trial.metrics]
    kept = [trials[index] for index in used]
    names = list(dict.fromkeys(name for trial in kept for name in trial.metrics))
    spreads = {name for index in used if blocks for name in blocks[index]}
    per_spread = {name: [blocks[index].get(name) for index in used] for name in spreads}
    metrics = {}
    for name in names:
        having = [trial.metrics.get(name) for trial in kept]
        unit = next(metric.unit for metric in having if metric is not None)
        absent = Metric(name, unit, None, reason="no such operation in this trial")
        metrics[name] = over_trials(name, unit, [metric or absent for metric in having], per_spread)
    after = invariants((check or {}).get("invariants") or {})
    wrong_after = (after,) if after is not None and after.verdict is not Validity.VALID else ()
    wrong = [one for one in together(trials) if one.verdict is not Validity.VALID or one.code == "remedy"]
    spread = trial_spread(kept)
    apart = (spread,) if spread is not None and spread.verdict is not Validity.VALID else ()
    findings = (*_missing_trials(len(kept), planned, trials), *apart, *wrong_after, *wrong)
    return PointResult(
        point=point.id,
        workload=point.workload,
        uses=point.uses,
        family=family,
        target=point.target,
        varied=point.varied,
        validity=worst(findings),
        findings=findings,
        metrics=metrics,
        slo=tuple(judge(slo, metrics) for slo in _slos(point, family)),
        trials=tuple(trials),
    )


def _missing_trials(finished: int, planned: int | None, trials: Sequence[TrialResult]) -> tuple[Finding, ...]:
    if planned is None or finished >= planned:
        return ()
    verdict = Validity.INVALID if finished == 0 else Validity.DEGRADED
    if any(trial.status == "interrupted" for trial in trials):
        hint = "aifbench resume goes on"
    else:
        hint = "remove the cause; aifbench resume RUN --retry-failed then does again what failed"
    return (Finding("trials", verdict, f"{finished} of {planned} planned trials finished", hint),)


@dataclass(frozen=True)
class RunFacts:
    """What a run's result says beside its numbers; all of it plain JSON from the run folder.

    `checks` maps a preparation's id to what its workload's `check` said after the last trial; `no_remedy` a trial
    whose generator was the limit to why the following trials got no more workers.
    """

    run: str
    status: Literal["finished", "failed", "interrupted", "running"]
    started: str
    ended: str
    plan_hash: str
    preparations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    no_remedy: Mapping[str, str] = field(default_factory=dict)
    transports: Mapping[str, str] = field(default_factory=dict)  # workload's name in the catalogue → its transport

    def generator(self, uses: str) -> Generator:
        """How the clients of a workload reach their target, and what they can do, as the run's machine knew it."""
        return Generator(self.transports.get(uses, ""), self.environment.get("calibration"))


def evaluate_run(
    plan: Plan,
    facts: RunFacts,
    families: Mapping[str, str],
    load_samples: LoadSamples,
    ends: Mapping[str, TrialEnd] | None = None,
) -> RunResult:
    """Everything that can be said about a run, from its samples.

    `families` maps a workload's name in the catalogue (`llm-chat`) to its family; `ends` the id of a trial to how it
    ended (missing: it finished, when it has samples). The samples of one trial at a time are in memory.
    """
    points = []
    inside = in_process_targets(plan)
    for stage in plan.stages:
        for point in stage.points:
            planned = [trial for trial in stage.trials if trial.point == point.id]
            family = families[point.uses]
            measured = [
                _measure(
                    point,
                    trial,
                    load_samples(point, trial),
                    family,
                    (ends or {}).get(trial.id),
                    in_process=point.target in inside,
                    generator=facts.generator(point.uses),
                )
                for trial in sorted(planned, key=lambda trial: trial.number)
            ]
            results = [_with_hint(item.result, facts.no_remedy.get(item.result.trial, "")) for item in measured]
            blocks = [item.blocks for item in measured]
            check = facts.checks.get(point.preparation)
            points.append(evaluate_point(point, family, results, blocks, len(planned), check))
    points, across = recall_curves(plan, points)
    return RunResult(
        schema=RESULT_SCHEMA,
        run=facts.run,
        name=plan.name,
        status=facts.status,
        started=facts.started,
        ended=facts.ended,
        plan_hash=facts.plan_hash,
        points=tuple(points),
        preparations=facts.preparations,
        checks=facts.checks,
        services=facts.services,
        environment=facts.environment,
        problems=facts.problems,
        declarations=declarations_of(points),
        across=across,
    )


def _with_hint(result: TrialResult, why_not: str) -> TrialResult:
    """Whoever reads that the generator was the limit also reads why it got no more workers."""
    if not why_not:
        return result
    found = tuple(
        replace(one, hint="; ".join(filter(None, (one.hint, why_not))))
        if one.code in OF_GENERATOR and one.verdict is not Validity.VALID
        else one
        for one in result.findings
    )
    return replace(result, findings=found)


def _measure(
    point: LoadPoint,
    trial: Trial,
    samples: Samples | None,
    family: str,
    end: TrialEnd | None,
    *,
    in_process: bool,
    generator: Generator,
) -> Measured:
    problems = "; ".join(samples.problems) if samples is not None else ""
    failed = end is not None and end[0] == "failed"
    if samples is None or (samples.table.num_rows == 0 and (failed or problems or not samples.workers)):
        status, reason = end or ("interrupted", "the trial was not done")
        return Measured(absent_trial(trial, (status, "; ".join(filter(None, (reason, problems))))))
    return measure_trial(
        point, trial, samples, family, end or ("finished", ""), in_process=in_process, generator=generator
    )


def declarations_of(points: Sequence[PointResult]) -> dict[str, Declaration]:
    """The declaration of every metric that appears."""
    found = {}
    for point in points:
        for name in point.metrics:
            row = declaration(name, point.family)
            if row is not None:
                found[name] = row
    return found
