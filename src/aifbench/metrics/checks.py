"""Which validity checks a trial gets, and with what values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from aifbench.metrics import validity
from aifbench.metrics.arrivals import FEWEST_GAPS, distance_within, exponential_distance, gaps_s
from aifbench.metrics.ceiling import generator_share
from aifbench.metrics.columns import MISSING, Floats, Mask
from aifbench.metrics.in_flight import mean_in_flight
from aifbench.metrics.latency import response_ns
from aifbench.metrics.percentile import Percentile, percentile
from aifbench.metrics.rates import completed, cpu_shares, inside, offered
from aifbench.metrics.room import room_findings
from aifbench.metrics.stamping import stamp_findings
from aifbench.metrics.thresholds import LATE_NS, LATE_SHARE_MATERIAL
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.operation import STATUSES
from aifbench.model.result import Finding, Validity
from aifbench.model.samples import Samples

EXAMPLE_LETTERS = 160


def common_findings(view: View, samples: Samples, *, generator_is_target: bool) -> list[Finding]:
    """Answers of all common checks that apply to this trial."""
    operations = view.operations
    steady = operations.steady
    ok = int((steady & operations.ok).sum())
    failed = int((steady & operations.failed).sum())
    found: list[Finding | None] = [
        validity.workers(view.load.workers, samples.workers),
        validity.samples_read(samples.problems),
        validity.stopped_early(samples.workers),
        validity.conservation(samples.workers),
        validity.rows(status_counts(view), samples.workers) if not samples.problems else None,
        _errors(view, ok, failed),
        validity.dropped(int((steady & operations.dropped).sum()), int(steady.sum())),
        validity.few_samples(ok),
        None if generator_is_target or any(view.facts("in_process")) else _worker_cpu(view),
        _generator(view) if view.generator.transport else None,
        *_kept_waiting(view),
        *stamp_findings(view),
        *room_findings(view),
        _drift_latency(view),
    ]
    if not view.load.closed:
        found += _open_loop(view)
    if isinstance(view.window, Window):
        found += _in_window(view, view.window)
    else:
        found.append(validity.finding("no-window", Validity.DEGRADED, view.window.reason))
    return [item for item in found if item is not None]


def _errors(view: View, ok: int, failed: int) -> Finding | None:
    operations = view.operations
    rows = operations.steady & operations.failed
    kinds = operations.error_kind.counts(rows)
    example = ""
    if kinds:
        first = int(np.flatnonzero(rows & operations.error_kind.among(next(iter(kinds))))[0])
        example = (operations.text("note", first) or "")[:EXAMPLE_LETTERS]
    return validity.errors(failed, ok + failed, kinds, example)


def status_counts(view: View) -> dict[str, int]:
    """Rows per status over all phases; statuses without rows are left out."""
    counts = {name: int(view.operations.status.among(name).sum()) for name in STATUSES}
    return {name: count for name, count in counts.items() if count}


def counts(view: View) -> Mapping[str, int]:
    """Scheduled, started, and one count per status, over all phases."""
    operations = view.operations
    told = [report.get("scheduled") for report in view.workers]
    known = [int(value) for value in told if isinstance(value, int)]
    complete = len(known) == view.load.workers
    return {
        "scheduled": sum(known) if complete else operations.count,
        "started": int(operations.started.sum()),
        **({"retried": int(operations.retried.sum())} if view.load.retries is not None else {}),
        **{name: int(operations.status.among(name).sum()) for name in STATUSES},
    }


def _worker_cpu(view: View) -> Finding | None:
    shares = cpu_shares(view)
    return validity.worker_cpu(max(shares)) if shares else None


def _generator(view: View) -> Finding:
    share = generator_share(view)
    return validity.generator_ceiling(share.value, share.reason, share.text)


def _kept_waiting(view: View) -> Iterator[Finding | None]:
    """Whether the workers had their cores when they needed them; the worst worker counts."""
    p50, p99 = _wake_lag_s(view, "p50"), _wake_lag_s(view, "p99")
    if p50 is not None and p99 is not None:
        yield validity.loop_lag(p50, p99, material=_material(view, p50))
    waits = []
    for report in view.workers:
        delay, turns, wall = (report.get(key) for key in ("run_delay_s", "run_turns", "window_wall_s"))
        if delay is not None and turns and wall:
            waits.append(validity.run_delay(delay, turns, wall, material=_material(view, delay / turns)))
    yield worst_of(waits)
    begins = [float(report["begin_lag_s"]) for report in view.workers if report.get("begin_lag_s") is not None]
    yield validity.late_begin(max(begins), view.load.warmup_s, view.load.duration_s) if begins else None


def worst_of(found: Sequence[Finding | None]) -> Finding | None:
    known = [item for item in found if item is not None]
    verdict = validity.worst(known)
    return next((item for item in known if item.verdict is verdict), None)


def _wake_lag_s(view: View, which: str) -> float | None:
    lags = [(report.get("wake_lag_ns") or {}).get(which) for report in view.workers]
    known = [float(lag) / 1e9 for lag in lags if isinstance(lag, int | float)]
    return max(known, default=None)


def _material(view: View, seconds: float) -> bool:
    """Whether such a wait changes response times; without a response time nobody knows, so it does."""
    response = np.sort(response_ns(view.operations)[view.operations.steady & view.operations.ok])
    p50 = percentile(response, 0.5).value
    return p50 is None or seconds > LATE_SHARE_MATERIAL * p50 / 1e9


def _drift_latency(view: View) -> Finding | None:
    operations = view.operations
    rows = np.flatnonzero(operations.steady & operations.ok & (operations.intended != MISSING))
    rows = rows[np.argsort(operations.intended[rows], kind="stable")]
    response = response_ns(operations)
    third = len(rows) // 3
    parts = [percentile(np.sort(response[part]), 0.5) for part in (rows[:third], rows[len(rows) - third :])]
    triples = [triple for part in parts if (triple := _interval_s(part)) is not None]
    return validity.drift_latency(triples[0], triples[1]) if len(triples) == 2 else None


def _interval_s(found: Percentile) -> tuple[float, float, float] | None:
    if found.value is None or found.low is None or found.high is None:
        return None
    return found.value / 1e9, found.low / 1e9, found.high / 1e9


def _in_window(view: View, window: Window) -> list[Finding | None]:
    operations = view.operations
    edges = np.linspace(window.start_ns, window.end_ns, 4).round().astype(np.int64)
    thirds = mean_in_flight(operations, edges)
    whole = mean_in_flight(operations, edges[[0, 3]])[0]
    starts = inside(view, operations.start, operations.started)
    service = operations.between(operations.start, operations.end)
    ended = starts & (service != MISSING)
    found: list[Finding | None] = [validity.drift_in_flight(float(thirds[0]), float(thirds[2]))]
    if ended.any():
        rate = int(starts.sum()) / window.seconds
        mean_s = float(service[ended].mean()) / 1e9
        found.append(validity.littles_law(float(whole), rate, mean_s, window.seconds))
    if view.load.closed and view.load.concurrency:
        found.append(validity.concurrency(float(whole), view.load.concurrency))
    return found


def _open_loop(view: View) -> list[Finding | None]:
    operations = view.operations
    steady = operations.steady
    return [
        _offered(view),
        _achieved(view),
        _but_for_slots(view, _gaps(view, steady & operations.started & ~operations.retried)),
        *_lags(view, steady & operations.started),
    ]


def _offered(view: View) -> Finding | None:
    """Only for loads that a rate and a time describe: a number of operations ends them at another time."""
    load = view.load
    if load.rate_per_s is None or load.operations is not None or any(r.get("stopped_early") for r in view.workers):
        return None
    expected = load.rate_per_s * load.duration_s
    even = load.arrival == "constant" or load.shape.get("inner") == "constant"
    spread = 0.0 if even else expected**0.5 * float(load.shape.get("cv", 1.0) or 1.0)
    scheduled = int((view.operations.steady & ~view.operations.retried).sum())
    return validity.offered_rate(scheduled, load.rate_per_s, load.duration_s, spread)


def _achieved(view: View) -> Finding | None:
    """What was offered in the window against what ended in it, well or not; two √n of difference are chance."""
    if not isinstance(view.window, Window):
        return None
    operations = view.operations
    offers = int(offered(view).sum())
    ends = int(((completed(view) | inside(view, operations.end, operations.failed)) & ~operations.retried).sum())
    behind = offers - ends > 2 * offers**0.5
    seconds = view.window.seconds
    return validity.achieved_rate(offers / seconds, (ends if behind else max(ends, offers)) / seconds)


def _gaps(view: View, started: Mask) -> Finding | None:
    """Of a Poisson process first the schedule, then the starts; of any other the starts against the schedule.

    Where operations were dropped, the starts are compared with the intended starts of what was not dropped.
    """
    operations, load = view.operations, view.load
    actual = gaps_s(operations.start[started])
    intended = gaps_s(operations.intended[started])
    if len(actual) < FEWEST_GAPS or not load.rate_per_s:
        return None
    if load.arrival == "poisson":
        scheduled = operations.steady & ~operations.retried
        schedule = _exponential(gaps_s(operations.intended[scheduled]), load.rate_per_s, " (intended starts)")
        if schedule.verdict is not Validity.VALID:
            return schedule
        if not operations.dropped.any():
            return _exponential(actual, load.rate_per_s, "")
    tolerance = max(LATE_NS / 1e9, 0.05 * float(intended.mean()))
    return validity.arrival_gaps(distance_within(actual, intended, tolerance), None, "those of the intended starts")


def _but_for_slots(view: View, found: Finding | None) -> Finding | None:
    operations = view.operations
    late = int((operations.between(operations.intended, operations.start)[operations.started] > LATE_NS).sum())
    free = sum(int(report.get("late_with_free_slot") or 0) for report in view.workers)
    return None if found is None else validity.without_slots(found, late - free, late)


def _exponential(gaps: Floats, rate_per_s: float, which: str) -> Finding:
    return validity.arrival_gaps(*exponential_distance(gaps, rate_per_s), f"the exponential distribution{which}")


def _lags(view: View, started: Mask) -> Sequence[Finding | None]:
    operations = view.operations
    lag = np.sort(operations.between(operations.intended, operations.start)[started])
    response = np.sort(response_ns(operations)[operations.steady & operations.ok])
    p99 = percentile(lag, 0.99).value
    p50 = percentile(response, 0.5).value
    late = [int(report["late_with_free_slot"]) for report in view.workers if "late_with_free_slot" in report]
    total = sum(int(report.get("started") or 0) for report in view.workers if "late_with_free_slot" in report)
    woken = _wake_lag_s(view, "p99")  # of starts that waited for a slot the lag says nothing about the generator
    high = woken if woken is not None else (p99 if p99 is not None else float(lag[-1]) if len(lag) else 0.0) / 1e9
    material = p50 is not None and _material(view, high)
    return [
        validity.schedule_lag(p99 / 1e9, p50 / 1e9) if p99 is not None and p50 is not None else None,
        validity.late_with_free_slot(sum(late), total, material=material) if late else None,
    ]
