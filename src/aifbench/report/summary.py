"""Tables over load points: one per family, rows are load points, columns the family's headline metrics."""

from __future__ import annotations

from collections.abc import Sequence

from aifbench.metrics.together import together
from aifbench.model.result import Finding, PointResult, RunResult, Validity
from aifbench.report.family import declaration, headline, label, title
from aifbench.report.scale import Scale, metric_cell, scale_for
from aifbench.report.sheet import Cell, Column, Sheet, whole
from aifbench.report.words import count, slo_cell, slo_state, validity_cell, varied


def unit_of(points: Sequence[PointResult], metric: str) -> str:
    return next((point.metrics[metric].unit for point in points if metric in point.metrics), "")


def column_scale(points: Sequence[PointResult], metric: str) -> Scale:
    values = [point.metrics[metric].value for point in points if metric in point.metrics]
    return scale_for(unit_of(points, metric), values, metric)


def metric_column(result: RunResult, points: Sequence[PointResult], metric: str) -> Column:
    declared = declaration(result, metric)
    return Column(
        label(metric),
        column_scale(points, metric).unit,
        numeric=True,
        title=f"{metric}: {declared.definition}" if declared else metric,
        metric=metric,
    )


def usual_n(point: PointResult, metrics: Sequence[str]) -> int:
    """The greatest n of the row's metrics, so that only those of fewer trials need say theirs."""
    return max((point.metrics[name].n for name in metrics if name in point.metrics), default=0)


def why_none(point: PointResult) -> str:
    """Why a load point lacks a metric that others of its family have."""
    if point.metrics or not point.trials:
        return "not measured by this workload"
    reasons = [trial.reason.splitlines()[0] for trial in point.trials if trial.reason]
    return reasons[0] if reasons else "no trial finished"


def family_sheet(result: RunResult, family: str) -> Sheet:
    points = [point for point in result.points if point.family == family]
    metrics = headline(family, points)
    with_varied = any(varied(point) for point in points)
    columns = [
        Column("load point"),
        Column("target"),
        *([Column("varied")] if with_varied else []),
        Column("validity"),
        Column("SLO"),
        *(metric_column(result, points, name) for name in metrics),
        Column("n", numeric=True, title="trials behind the values of this row, where a value does not say otherwise"),
    ]
    scales = {name: column_scale(points, name) for name in metrics}
    rows = []
    for point in points:
        n = usual_n(point, metrics)
        cells = [Cell(point.point), Cell(point.target)]
        cells += [Cell(varied(point) or "–")] if with_varied else []
        cells += [validity_cell(point.validity), slo_cell(point.slo)]
        none = why_none(point)
        cells += [metric_cell(point.metrics.get(name), scales[name], usual_n=n, why_none=none) for name in metrics]
        rows.append((*cells, whole(n)))
    return Sheet(title(family), tuple(columns), tuple(rows))


def slo_sheet(points: Sequence[PointResult]) -> Sheet | None:
    """Every SLO of the points with what was seen."""
    rows = []
    for point in points:
        for verdict in point.slo:
            word, tone = slo_state(verdict)
            rows.append((Cell(point.point), Cell(verdict.expression), Cell(word, tone=tone), Cell(verdict.text)))
    if not rows:
        return None
    return Sheet("SLOs", (Column("load point"), Column("SLO"), Column("verdict"), Column("seen")), tuple(rows))


def told_once(point: PointResult) -> list[Finding]:
    """One finding per check: the load point's, which sum up its trials, then what those do not tell of the trials."""
    told = {finding.code for finding in point.findings}
    return [*point.findings, *(finding for finding in together(point.trials) if finding.code not in told)]


def findings_sheet(points: Sequence[PointResult], *, all_of_them: bool = True) -> Sheet | None:
    """Validity checks; INVALID first, then DEGRADED, then those that passed (left out unless `all_of_them`)."""
    order = [Validity.INVALID, Validity.DEGRADED, *([Validity.VALID] if all_of_them else [])]
    rows = [
        _finding_row(point, finding)
        for validity in order
        for point in points
        for finding in told_once(point)
        if finding.verdict is validity
    ]
    if not rows:
        return None
    heads = (Column("load point"), Column("verdict"), Column("check"), Column("seen"))
    return Sheet("Validity checks", heads, tuple(rows))


def _finding_row(point: PointResult, finding: Finding) -> tuple[Cell, ...]:
    hint = f"hint: {finding.hint}" if finding.hint else ""
    return (
        Cell(point.point),
        validity_cell(finding.verdict),
        Cell(finding.code),
        Cell(finding.text, note=hint),
    )


def tally(result: RunResult) -> list[tuple[str, str, str]]:
    """(value, word, tone) of the counts in the page's head."""
    found = [(str(len(result.points)), "load point" if len(result.points) == 1 else "load points", "")]
    tones = {Validity.VALID: "ok", Validity.DEGRADED: "warn", Validity.INVALID: "bad"}
    for validity in Validity:
        number = sum(point.validity is validity for point in result.points)
        if number or validity is Validity.VALID:
            found.append((str(number), validity.value, tones[validity] if number else "muted"))
    verdicts = [slo for point in result.points for slo in point.slo]
    if verdicts:
        met = sum(slo.met is True for slo in verdicts)
        found.append((f"{met}/{len(verdicts)}", "SLOs met", "ok" if met == len(verdicts) else "bad"))
    trials = sum(len(point.trials) for point in result.points)
    found.append((str(trials), count(trials, "trial").partition(" ")[2], ""))
    return found
