"""Each validity check: what makes a trial VALID, DEGRADED or INVALID, and that it says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aifbench.metrics import validity
from aifbench.metrics.arrivals import distance_within, exponential_distance, kolmogorov_tail
from aifbench.metrics.evaluate import evaluate_trial
from aifbench.metrics.thresholds import THRESHOLDS
from aifbench.model.load import Load
from aifbench.model.result import Finding, TrialResult, Validity
from aifbench.model.samples import Samples
from tests.metrics.making import CLOSED, TRIAL, Row, point, report, samples, table, users

VALID, DEGRADED, INVALID = Validity.VALID, Validity.DEGRADED, Validity.INVALID
OPEN = Load("constant", duration_s=1.0, rate_per_s=100.0)


def steady_rows(count: int = 100, length: float = 5.0, late: float = 0.0) -> list[Row]:
    return [Row(10 * i, 10 * i + late, 10 * i + late + length) for i in range(count)]


def trial(found: Samples, load: Load = OPEN, family: str = "common") -> TrialResult:
    return evaluate_trial(point(load), TRIAL, found, family)


def found(result: TrialResult, code: str) -> Finding:
    return next(finding for finding in result.findings if finding.code == code)


def test_a_clean_open_loop_is_valid_in_every_check() -> None:
    result = trial(
        samples(steady_rows(), cpu_s=0.3, window_wall_s=1.0, wake_lag_ns={"p50": 1, "p99": 90_000, "max": 2})
    )
    assert result.validity is VALID
    assert {finding.code for finding in result.findings} == {
        "workers", "conservation", "rows", "errors", "dropped", "few-samples", "worker-cpu", "loop-lag",
        "drift-latency", "offered-rate", "achieved-rate", "arrival-gaps", "late-with-free-slot",
        "drift-in-flight",
    }  # fmt: skip


def test_a_clean_closed_loop_is_valid() -> None:
    result = trial(samples(users(2, 5, 200)), replace(CLOSED, concurrency=2, workers=2))
    assert (result.validity, found(result, "littles-law").verdict) == (VALID, VALID)


def test_every_finding_stands_in_the_table_of_thresholds() -> None:
    result = trial(samples(steady_rows()))
    assert {finding.code for finding in result.findings} <= set(THRESHOLDS)
    assert all(row.reason for row in THRESHOLDS.values())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"scheduled": 101}, "scheduled 101 ≠ started 100 + dropped 0"),
        ({"started": 99, "scheduled": 99}, "started 99 ≠ ended 100"),
        ({"ended": {"ok": 99}, "started": 99, "scheduled": 99}, "ok: 100 rows, 99 counted"),
    ],
)
def test_an_operation_that_is_not_accounted_for_makes_a_trial_invalid(change: dict[str, Any], text: str) -> None:
    result = trial(samples(steady_rows(), **change))
    assert result.validity is INVALID
    assert any(text in finding.text for finding in result.findings if finding.verdict is INVALID)


def test_conservation_counts_every_way_to_end() -> None:
    ended = {"ok": 5, "error": 1, "timeout": 1, "cancelled": 1, "unfinished": 1, "dropped": 2}
    assert validity.conservation([{"scheduled": 11, "started": 9, "dropped": 2, "ended": ended}]).verdict is VALID  # type: ignore[union-attr]


def test_a_missing_or_failed_worker_makes_a_trial_invalid() -> None:
    missing = trial(samples(steady_rows()), replace(OPEN, workers=2))
    assert found(missing, "workers").text.startswith("no report of worker 1 of 2")
    failed = trial(samples(steady_rows(), error="could not connect"))
    assert (failed.validity, "could not connect" in found(failed, "workers").text) == (INVALID, True)


def test_an_unreadable_samples_file_makes_a_trial_invalid_and_is_named() -> None:
    rows = steady_rows()
    result = trial(Samples(table(rows), (report(rows),), ("w1.parquet: truncated",)))
    assert (result.validity, "w1.parquet" in found(result, "samples-read").text) == (INVALID, True)


def test_late_starts_with_a_free_slot_are_the_generators_fault() -> None:
    late = samples(steady_rows(late=3), late_with_free_slot=100)
    assert found(trial(late), "late-with-free-slot").verdict is INVALID
    few_but_material = samples([*steady_rows(94), *steady_rows(100, late=3)[94:]], late_with_free_slot=6)
    assert found(trial(few_but_material), "late-with-free-slot").verdict is INVALID
    chance = samples([*steady_rows(96), *steady_rows(100, late=3)[96:]], late_with_free_slot=4)
    assert found(trial(chance), "late-with-free-slot").verdict is DEGRADED
    immaterial = samples(steady_rows(length=500.0), late_with_free_slot=6)
    assert found(trial(immaterial), "late-with-free-slot").verdict is DEGRADED
    assert found(trial(samples(steady_rows(), late_with_free_slot=1)), "late-with-free-slot").verdict is VALID


def test_late_starts_without_a_free_slot_only_degrade() -> None:
    """The target had all slots busy: the lag is part of what its users see."""
    rows = [Row(i, i + 3, i + 8) for i in range(400)]
    result = trial(samples(rows), replace(OPEN, rate_per_s=1000.0, duration_s=0.4))
    assert (found(result, "schedule-lag").verdict, result.validity) == (DEGRADED, DEGRADED)


def test_fewer_scheduled_than_declared_operations_show() -> None:
    assert found(trial(samples(steady_rows(94))), "offered-rate").verdict is DEGRADED
    assert found(trial(samples(steady_rows(50))), "offered-rate").verdict is INVALID


def test_a_poisson_process_may_differ_by_chance() -> None:
    assert validity.offered_rate(70, 100.0, 1.0, 10.0).verdict is VALID  # type: ignore[union-attr]
    assert validity.offered_rate(40, 100.0, 1.0, 10.0).verdict is INVALID  # type: ignore[union-attr]


def test_a_target_that_does_not_keep_up_is_called_saturated() -> None:
    """Offered every 1 ms, done one by one in 2 ms."""
    rows = [Row(i, i, 2 * i + 2) for i in range(400)]
    result = trial(samples(rows), replace(OPEN, rate_per_s=1000.0, duration_s=0.4))
    assert (found(result, "achieved-rate").verdict, found(result, "drift-in-flight").verdict) == (DEGRADED, DEGRADED)
    assert found(result, "drift-latency").verdict is DEGRADED


def test_the_finding_about_errors_counts_the_three_most_frequent_kinds() -> None:
    kinds = ["reset"] * 3 + ["http-500"] * 5 + ["{x}"] * 2 + ["rare"]
    bad = [replace(row, status="error", error=kind) for row, kind in zip(steady_rows(11), kinds, strict=True)]
    text = found(trial(samples(bad)), "errors").text
    assert "11 of 11 operations failed (5 http-500, 3 reset, 2 {x}), 100 %" in text


def test_errors_dropped_operations_and_few_successes_show() -> None:
    def with_errors(count: int) -> Samples:
        rows = steady_rows()
        return samples([*(replace(row, status="error") for row in rows[:count]), *rows[count:]])

    verdicts = [found(trial(with_errors(count)), "errors").verdict for count in (1, 2, 51)]
    assert verdicts == [VALID, DEGRADED, INVALID]
    dropped = samples([*steady_rows(98), Row(980, None, None, "dropped"), Row(990, None, None, "dropped")])
    assert found(trial(dropped), "dropped").verdict is DEGRADED
    few = [found(trial(samples(steady_rows(count))), "few-samples").verdict for count in (5, 6)]
    assert few == [DEGRADED, VALID]
    assert found(trial(with_errors(100)), "few-samples").verdict is INVALID


def test_a_busy_worker_degrades_unless_it_is_itself_the_target() -> None:
    busy = samples(steady_rows(), cpu_s=0.9, window_wall_s=1.0)
    assert found(trial(busy), "worker-cpu").verdict is DEGRADED
    assert "worker-cpu" not in {finding.code for finding in trial(busy, family="file").findings}
    inside = samples(steady_rows(), cpu_s=0.9, window_wall_s=1.0, facts={"in_process": True})
    assert "worker-cpu" not in {finding.code for finding in trial(inside).findings}


def test_a_slow_event_loop_degrades() -> None:
    lag = {"p50": 1, "p99": 6_000_000, "max": 7_000_000}
    assert found(trial(samples(steady_rows(), wake_lag_ns=lag)), "loop-lag").verdict is DEGRADED


def test_a_loop_that_mostly_wakes_late_is_invalid_where_responses_are_short() -> None:
    lag = {"p50": 6_000_000, "p99": 7_000_000, "max": 7_000_000}
    verdicts = [
        found(trial(samples(steady_rows(length=length), wake_lag_ns=lag)), "loop-lag").verdict for length in (5, 500)
    ]
    assert verdicts == [INVALID, DEGRADED]


@pytest.mark.parametrize(
    ("delay_s", "verdict"), [(0.018, VALID), (0.025, DEGRADED), (0.109, DEGRADED), (0.115, INVALID)]
)
def test_a_generator_that_waits_for_its_core_is_starved(delay_s: float, verdict: Validity) -> None:
    """A hundred waits of 0.1 ms in a second are what switching takes, and no starvation."""
    starved = samples(steady_rows(), run_delay_s=delay_s, run_turns=100, window_wall_s=1.0)
    assert found(trial(starved), "run-delay").verdict is verdict


def test_waits_for_a_core_do_not_invalidate_responses_that_take_far_longer() -> None:
    starved = samples(steady_rows(length=500), run_delay_s=0.5, run_turns=100, window_wall_s=1.0)
    assert found(trial(starved), "run-delay").verdict is DEGRADED


def test_where_the_kernel_does_not_count_waits_nothing_is_said_of_them() -> None:
    result = trial(samples(steady_rows(), run_delay_s=None, run_turns=None, window_wall_s=1.0))
    assert "run-delay" not in {finding.code for finding in result.findings}


@pytest.mark.parametrize(("late_s", "verdict"), [(0.205, VALID), (0.25, DEGRADED), (0.35, INVALID)])
def test_a_generator_that_begins_late_misses_measured_time_but_not_the_warm_up(
    late_s: float, verdict: Validity
) -> None:
    result = trial(samples(steady_rows(), begin_lag_s=late_s), replace(OPEN, warmup_s=0.2))
    assert found(result, "late-begin").verdict is verdict


def test_starts_that_wait_for_slots_do_not_make_a_few_late_ones_material() -> None:
    """The lag at p99 is then the target's; the generator's own is that of its wake-ups."""
    rows = steady_rows(late=200.0, length=5.0)
    quick = {"p50": 50_000, "p99": 900_000, "max": 7_000_000}
    result = trial(samples(rows, late_with_free_slot=3, wake_lag_ns=quick))
    assert found(result, "late-with-free-slot").verdict is DEGRADED


def test_a_load_that_was_stopped_early_says_so() -> None:
    result = trial(samples(steady_rows(), stopped_early="stop requested"))
    assert found(result, "stopped-early").verdict is DEGRADED


@pytest.mark.parametrize(("in_flight", "verdict"), [(10.0, VALID), (10.9, VALID), (12.0, DEGRADED), (8.0, DEGRADED)])
def test_littles_law(in_flight: float, verdict: Validity) -> None:
    assert validity.littles_law(in_flight, 100.0, 0.1, 10.0).verdict is verdict  # type: ignore[union-attr]


def test_littles_law_is_not_judged_where_edges_dominate() -> None:
    assert validity.littles_law(99.0, 10.0, 0.1, 5.0) is None
    assert validity.littles_law(99.0, 1000.0, 1.0, 5.0) is None


def test_more_in_flight_than_users_shows() -> None:
    assert (validity.concurrency(4.0, 4).verdict, validity.concurrency(4.1, 4).verdict) == (VALID, DEGRADED)


def test_a_small_drift_or_overlapping_intervals_are_steady() -> None:
    assert validity.drift_latency((1.0, 0.9, 1.1), (1.2, 1.15, 1.3)).verdict is VALID
    assert validity.drift_latency((1.0, 0.9, 1.4), (1.5, 1.3, 1.7)).verdict is VALID
    assert validity.drift_latency((1.0, 0.9, 1.1), (1.5, 1.3, 1.7)).verdict is DEGRADED
    assert validity.drift_latency((1.5, 1.3, 1.7), (1.0, 0.9, 1.1)).verdict is DEGRADED


# arrival gaps


def exponential_rows(seed: int, rate: float, count: int) -> list[Row]:
    starts = np.cumsum(np.random.default_rng(seed).exponential(1000 / rate, count))
    return [Row(float(t), float(t), float(t) + 1) for t in starts]


def gaps(rows: Sequence[Row], arrival: str, rate: float, **more: Any) -> Finding:
    load = Load(arrival, duration_s=len(rows) / rate, rate_per_s=rate)
    return found(trial(samples(rows, **more), load), "arrival-gaps")


def test_poisson_starts_pass_and_even_ones_do_not() -> None:
    assert gaps(exponential_rows(1, 100.0, 1000), "poisson", 100.0).verdict is VALID
    assert gaps(steady_rows(1000), "poisson", 100.0).verdict is INVALID


def test_poisson_starts_of_another_rate_do_not_pass() -> None:
    assert gaps(exponential_rows(1, 150.0, 1000), "poisson", 100.0).verdict is DEGRADED


def test_even_starts_may_jitter_but_not_bunch() -> None:
    jitter = [replace(row, start=row.intended + 0.3 * (i % 2)) for i, row in enumerate(steady_rows())]
    assert gaps(jitter, "constant", 100.0).verdict is VALID
    bunched = [replace(row, start=row.intended + 9 - 9 * (i % 2)) for i, row in enumerate(steady_rows(length=20))]
    assert gaps(bunched, "constant", 100.0, late_with_free_slot=50).verdict is INVALID


def test_starts_that_bunch_for_want_of_a_free_slot_are_the_targets_doing() -> None:
    bunched = [replace(row, start=row.intended + 9 - 9 * (i % 2)) for i, row in enumerate(steady_rows(length=20))]
    found = gaps(bunched, "constant", 100.0, late_with_free_slot=5)
    assert (found.verdict, "45 of 50 late starts found no free slot" in found.text) == (DEGRADED, True)


def test_the_distance_from_the_exponential_distribution_agrees_with_scipy() -> None:
    from scipy.stats import kstest

    values = np.random.default_rng(5).exponential(0.013, 300)
    expected = kstest(values, "expon", args=(0, 1 / 80))
    distance, p = exponential_distance(values, 80.0)
    assert distance == pytest.approx(expected.statistic, rel=1e-12)
    assert p == pytest.approx(expected.pvalue, rel=0.05)


def test_kolmogorovs_tail_agrees_with_scipy() -> None:
    from scipy.special import kolmogorov

    for x in (0.1, 0.3, 0.5, 1.0, 1.36, 2.0):
        assert kolmogorov_tail(x) == pytest.approx(float(kolmogorov(x)), abs=1e-9)


def test_the_forgiving_distance_is_the_plain_one_without_tolerance() -> None:
    from scipy.stats import ks_2samp

    random = np.random.default_rng(2)
    left, right = random.exponential(1.0, 80), random.exponential(1.5, 120)
    assert distance_within(left, right, 0.0) == pytest.approx(ks_2samp(left, right).statistic, rel=1e-12)
    even = np.full(50, 0.01)
    assert distance_within(even + 0.0004, even, 0.0005) == 0.0
    assert distance_within(even + 0.0006, even, 0.0005) == 1.0


@pytest.mark.parametrize(
    ("late", "started", "material", "verdict"),
    [
        (2, 30, True, DEGRADED),  # a true share of 1 % explains it in 4 % of cases
        (3, 30, True, INVALID),
        (1, 5, True, DEGRADED),
        (4, 30, False, DEGRADED),  # 13 %, but a true share of 10 % explains it
        (5, 40, False, INVALID),
        (101, 1000, False, INVALID),  # as strict as before where there are many
        (20, 1000, True, INVALID),
    ],
)
def test_few_late_starts_prove_nothing(late: int, started: int, material: bool, verdict: Validity) -> None:
    judged = validity.late_with_free_slot(late, started, material=material)
    assert judged is not None
    assert judged.verdict is verdict
