"""Validity: each check is a small function from values to a finding; limits stand in `thresholds`.

A check that does not apply, or has too little to judge by, gives no finding. A trial is as valid as its worst finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aifbench.metrics.error_hints import hint_for
from aifbench.metrics.thresholds import FEWEST_LATE, SWITCH_S, TAIL, THRESHOLDS
from aifbench.model.result import Finding, Validity
from aifbench.units import format_duration, significant

_ORDER = (Validity.VALID, Validity.DEGRADED, Validity.INVALID)


def worst(findings: Iterable[Finding]) -> Validity:
    """VALID when there is none."""
    return max((finding.verdict for finding in findings), key=_ORDER.index, default=Validity.VALID)


def finding(code: str, verdict: Validity, text: str) -> Finding:
    """With the reason and hint of the table where something is wrong."""
    if verdict is Validity.VALID:
        return Finding(code, verdict, text)
    row = THRESHOLDS[code]
    return Finding(code, verdict, f"{text}: {row.reason}", row.hint)


def by_limits(code: str, seen: float, text: str) -> Finding:
    """Compare with the table's limits; `{seen}` in the text becomes the value with its unit, the limit is added."""
    row = THRESHOLDS[code]
    verdict = Validity.VALID
    if row.degraded is not None and seen > row.degraded:
        verdict = Validity.DEGRADED
    if row.invalid is not None and seen > row.invalid:
        verdict = Validity.INVALID
    limit = row.invalid if verdict is Validity.INVALID or row.degraded is None else row.degraded
    bound = "" if limit is None else f" (limit {_written(limit, row.unit)})"
    return finding(code, verdict, text.format(seen=_written(seen, row.unit)) + bound)


def _written(value: float, unit: str) -> str:
    if unit == "share":
        return f"{significant(value * 100)} %"
    return format_duration(value) if unit == "s" else significant(value)


_KINDS_NAMED = 3
_STOPS = (("overload", "overload"), ("errors", "too-many-errors"))


def workers(planned: int, reports: Sequence[Mapping[str, Any]]) -> Finding:
    """Every planned worker reported, and none reported an error."""
    errors = {report.get("worker"): str(report["error"]).splitlines()[0] for report in reports if report.get("error")}
    failed = [f"worker {worker}: {error}" for worker, error in errors.items()]
    present = {report.get("worker") for report in reports}
    missing = [str(index) for index in range(planned) if index not in present]
    if failed:
        return finding("workers", Validity.INVALID, "; ".join(failed))
    if missing:
        return finding("workers", Validity.INVALID, f"no report of worker {', '.join(missing)} of {planned}")
    return finding("workers", Validity.VALID, f"all {planned} workers reported")


def samples_read(problems: Sequence[str]) -> Finding | None:
    return finding("samples-read", Validity.INVALID, "; ".join(problems)) if problems else None


def stopped_early(reports: Sequence[Mapping[str, Any]]) -> Finding | None:
    """By whose word: `overload` and `too-many-errors` are stop conditions of the recipe."""
    stopped = [report for report in reports if report.get("stopped_early")]
    if not stopped:
        return None
    codes = {str(report.get("stop_code")) for report in stopped}
    code = next((name for word, name in _STOPS if word in codes), "stopped-early")
    return finding(code, Validity.DEGRADED, "; ".join(sorted({str(report["stopped_early"]) for report in stopped})))


def conservation(reports: Sequence[Mapping[str, Any]]) -> Finding | None:
    """Scheduled + retried = started + dropped, and started = ok + error + timeout + cancelled + unfinished.

    In each worker. Retries are operations beyond the schedule.
    """
    known = [report for report in reports if all(key in report for key in ("scheduled", "started", "dropped", "ended"))]
    if not known:
        return None
    wrong = []
    for report in known:
        scheduled, started, dropped = (int(report[key]) for key in ("scheduled", "started", "dropped"))
        ended = sum(int(count) for status, count in report["ended"].items() if status != "dropped")
        retried = int(report.get("retried") or 0)
        if scheduled + retried != started + dropped:
            more = f" + retried {retried}" if retried else ""
            wrong.append(
                f"worker {report.get('worker')}: scheduled {scheduled}{more} ≠ started {started} + dropped {dropped}"
            )
        if started != ended:
            wrong.append(f"worker {report.get('worker')}: started {started} ≠ ended {ended}")
    if wrong:
        return finding("conservation", Validity.INVALID, "; ".join(wrong))
    total = sum(int(report["scheduled"]) for report in known)
    return finding("conservation", Validity.VALID, f"all {total} scheduled operations are accounted for")


def rows(counted: Mapping[str, int], reports: Sequence[Mapping[str, Any]]) -> Finding | None:
    """The samples hold as many rows of each status as the workers counted."""
    told: dict[str, int] = {}
    known = [report["ended"] for report in reports if isinstance(report.get("ended"), Mapping)]
    for ended in known:
        for status, count in ended.items():
            told[status] = told.get(status, 0) + int(count)
    if not known:
        return None
    statuses = sorted({*told, *counted} - ({"dropped"} - set(told)))
    wrong = [
        f"{status}: {counted.get(status, 0)} rows, {told.get(status, 0)} counted"
        for status in statuses
        if counted.get(status, 0) != told.get(status, 0)
    ]
    if wrong:
        return finding("rows", Validity.INVALID, "; ".join(wrong))
    return finding("rows", Validity.VALID, "samples match the workers' counts")


def offered_rate(scheduled: int, declared_per_s: float, seconds: float, spread: float) -> Finding | None:
    """Scheduled operations against the declared rate. `spread`: standard deviation that the process itself has.

    What four standard deviations explain is chance.
    """
    expected = declared_per_s * seconds
    if expected <= 0:
        return None
    missing = max(0.0, abs(scheduled - expected) - 4 * spread - 1) / expected
    text = f"{scheduled} operations scheduled, {significant(expected)} declared; {{seen}} beyond chance"
    return by_limits("offered-rate", missing, text)


def achieved_rate(offered_per_s: float, completed_per_s: float) -> Finding | None:
    """Completions against offers in the window of an open loop."""
    if offered_per_s <= 0:
        return None
    behind = max(0.0, 1 - completed_per_s / offered_per_s)
    text = f"{significant(completed_per_s)}/s completed of {significant(offered_per_s)}/s offered, {{seen}} behind"
    return by_limits("achieved-rate", behind, text)


def arrival_gaps(distance: float, p_value: float | None, against: str) -> Finding:
    """A Kolmogorov–Smirnov distance; with a p-value only what is also significant (p < 0.1 %) counts."""
    counts = distance if p_value is None or p_value < 0.001 else 0.0
    chance = "" if p_value is None else f", p = {significant(p_value, 2)}"
    text = f"Kolmogorov–Smirnov distance of gaps from {against}: {significant(distance)}{chance}"
    return by_limits("arrival-gaps", counts, text)


def schedule_lag(lag_p99_s: float, response_p50_s: float) -> Finding:
    """Lag at p99 relative to the median response time; under 1 ms it is the timer's own."""
    relative = 0.0 if lag_p99_s <= 0.001 else lag_p99_s / response_p50_s if response_p50_s > 0 else math.inf
    text = f"schedule lag p99 {format_duration(lag_p99_s)}"
    if math.isinf(relative):
        return finding("schedule-lag", Validity.DEGRADED, text)
    return by_limits("schedule-lag", relative, f"{text}, {{seen}} of the median response time beyond 1 ms")


def late_with_free_slot(late: int, started: int, *, material: bool) -> Finding | None:
    """INVALID above the upper limit, and above the lower one when the lateness is `material` to response times.

    For the latter it must be more than three standard deviations above the limit: two of a hundred may be chance. For
    both the late starts must be at least `FEWEST_LATE`, or more than a share at the limit explains.
    """
    if started == 0:
        return None
    row = THRESHOLDS["late-with-free-slot"]
    lower, upper = row.degraded or 0.0, row.invalid or 1.0
    allowed = lower * started
    counts = material and late > allowed + 3 * allowed**0.5 and _proves(late, started, lower)
    found = by_limits(
        "late-with-free-slot",
        late / started,
        f"{late} of {started} starts were over 1 ms late with a free slot, {{seen}}",
    )
    if found.verdict is Validity.INVALID and not _proves(late, started, upper):
        found = replace(found, verdict=Validity.DEGRADED)
    return _worse(found) if found.verdict is Validity.DEGRADED and counts else found


def _proves(late: int, started: int, limit: float) -> bool:
    """Whether so many late starts say that their share is above the limit: P(as many or more | limit) < 2.5 %."""
    if late >= FEWEST_LATE:
        return True
    fewer = sum(math.comb(started, count) * limit**count * (1 - limit) ** (started - count) for count in range(late))
    return 1 - fewer < TAIL


def _worse(found: Finding) -> Finding:
    return Finding(found.code, Validity.INVALID, found.text, found.hint)


def loop_lag(p50_s: float, p99_s: float, *, material: bool) -> Finding:
    """INVALID when already the median is above the limit and `material` to response times."""
    found = by_limits("loop-lag", p99_s, f"wake-up lag of the generator p50 {format_duration(p50_s)}, p99 {{seen}}")
    limit = THRESHOLDS["loop-lag"].degraded
    return _worse(found) if material and limit is not None and p50_s > limit else found


def run_delay(delay_s: float, turns: int, window_s: float, *, material: bool) -> Finding | None:
    """Share of the load in which the generator's thread was ready but had no core, beyond what switching takes.

    `delay_s` over `turns` waits of one worker. INVALID only when the mean wait is `material` to response times.
    """
    if window_s <= 0 or turns <= 0:
        return None
    share = max(0.0, delay_s - turns * SWITCH_S) / window_s
    each = format_duration(delay_s / turns)
    found = by_limits("run-delay", share, f"the generator waited {{seen}} of the time for its core, {each} at a time")
    if found.verdict is Validity.INVALID and not material:
        return Finding(found.code, Validity.DEGRADED, found.text, found.hint)
    return found


def late_begin(late_s: float, warmup_s: float, duration_s: float) -> Finding | None:
    """How much of the measured time the last worker missed because it began after T0."""
    if duration_s <= 0:
        return None
    text = f"the generator began {format_duration(late_s)} after the start, {{seen}} of the measured time was over"
    return by_limits("late-begin", max(0.0, late_s - warmup_s) / duration_s, text)


def without_slots(found: Finding, held_up: int, late: int) -> Finding:
    """At most DEGRADED when most of the `late` starts were `held_up` by the lack of a free slot: the target's limit."""
    if found.verdict is not Validity.INVALID or 2 * held_up <= late:
        return found
    text = f"{found.text}; {held_up} of {late} late starts found no free slot, so the target was the limit"
    return Finding(found.code, Validity.DEGRADED, text, found.hint)


def worker_cpu(share: float) -> Finding:
    return by_limits("worker-cpu", share, "the busiest worker used {seen} of a core")


def generator_ceiling(share: float | None, reason: str, text: str) -> Finding:
    """Unknown is no fault of the measurement: it is said, and the CPU share is judged instead."""
    if share is None:
        return finding("generator-ceiling", Validity.VALID, f"share of what this generator can do: n/a ({reason})")
    return by_limits("generator-ceiling", share, text)


def littles_law(in_flight: float, rate_per_s: float, mean_service_s: float, seconds: float) -> Finding | None:
    """L = λW, from independent readings. Not judged where edges dominate: under 100 operations or 10 W of window."""
    if rate_per_s * seconds < 100 or seconds < 10 * mean_service_s:
        return None
    product = rate_per_s * mean_service_s
    apart = abs(in_flight - product) / max(in_flight, product) if max(in_flight, product) > 0 else 0.0
    text = f"{significant(in_flight)} in flight, rate × service time {significant(product)}, {{seen}} apart"
    return by_limits("littles-law", apart, text)


def concurrency(in_flight: float, users: int) -> Finding:
    """Never more operations in flight than users (to a rounding error)."""
    beyond = max(0.0, in_flight - users * (1 + 1e-9))
    return by_limits("concurrency", beyond, f"{significant(in_flight)} in flight, {users} users")


def errors(failed: int, ended: int, kinds: Mapping[str, int] | None = None, example: str = "") -> Finding | None:
    """`kinds` counts the failed ones by error kind, most frequent first; `example` is what one of those said."""
    if ended == 0:
        return None
    named = ", ".join(f"{count} {kind}" for kind, count in list((kinds or {}).items())[:_KINDS_NAMED])
    why = f" ({named})".replace("{", "{{").replace("}", "}}") if named else ""
    found = by_limits("errors", failed / ended, f"{failed} of {ended} operations failed{why}, {{seen}}")
    if found.verdict is Validity.VALID or not kinds:
        return found
    parts = [hint_for(next(iter(kinds))) or found.hint, f"one of them: {example}" if example else ""]
    return replace(found, hint="; ".join(part for part in parts if part))


def dropped(count: int, scheduled: int) -> Finding | None:
    if scheduled == 0:
        return None
    return by_limits("dropped", count / scheduled, f"{count} of {scheduled} operations were dropped, {{seen}}")


def few_samples(successes: int) -> Finding:
    """None at all is INVALID; below 6 DEGRADED; further percentiles say themselves what they lack."""
    text = f"{successes} successful operations in the steady phase"
    verdict = Validity.INVALID if successes == 0 else Validity.DEGRADED if successes < 6 else Validity.VALID
    return finding("few-samples", verdict, text)


def invariants(held: Mapping[str, bool | None]) -> Finding | None:
    """Sentences about the data that must still be true after the load; None: not checked."""
    checked = {sentence: true for sentence, true in held.items() if true is not None}
    if not checked:
        return None
    broken = [sentence for sentence, true in checked.items() if not true]
    if broken:
        return finding("invariant", Validity.INVALID, f"not true after the load: {'; '.join(broken)}")
    return finding("invariant", Validity.VALID, f"true after the load: {'; '.join(checked)}")


def drift_latency(first: tuple[float, float, float], last: tuple[float, float, float]) -> Finding:
    """Median with its 95 % interval in the first and the last third; overlapping intervals are no drift."""
    apart = first[2] < last[1] or last[2] < first[1]
    change = abs(last[0] - first[0]) / first[0] if first[0] > 0 else 0.0
    text = (
        f"median response time {format_duration(first[0])} in the first third, {format_duration(last[0])} in the last"
    )
    return by_limits("drift-latency", change if apart else 0.0, text)


def drift_in_flight(first: float, last: float) -> Finding:
    """Of the mean; a change by less than one operation is no drift."""
    change = abs(last - first) / max(first, 1.0) if abs(last - first) >= 1 else 0.0
    text = f"{significant(first)} in flight in the first third of the window, {significant(last)} in the last"
    return by_limits("drift-in-flight", change, text)
