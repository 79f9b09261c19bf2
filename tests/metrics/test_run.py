"""Load points over trials, and the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aifbench.metrics.evaluate import RunFacts, evaluate_point, evaluate_run, evaluate_trial
from aifbench.model.codec import from_data, to_data
from aifbench.model.load import Load
from aifbench.model.plan import Estimate, LoadPoint, Plan, PlannedService, Stage, Trial
from aifbench.model.result import PointResult, RunResult, Validity
from aifbench.model.samples import Samples
from tests.metrics.making import CLOSED, TRIAL, Row, point, report, samples, table, users

FACTS = RunFacts("run-1", "finished", "2026-11-21T14:00:00.000Z", "2026-11-21T14:01:00.000Z", "sha256:0")


def trials_of(name: str, count: int) -> list[Trial]:
    return [Trial(f"{name}.t{number}", name, number, number) for number in range(1, count + 1)]


def point_of(lengths: Sequence[float], slo: Sequence[str] = (), planned: int | None = None) -> PointResult:
    """One trial per length: 20 operations of that many milliseconds, one after the other."""
    where = point(CLOSED, slo)
    results = [
        evaluate_trial(where, trial, samples(users(1, length, 20)), "sql")
        for trial, length in zip(trials_of("p", len(lengths)), lengths, strict=True)
    ]
    return evaluate_point(where, "sql", results, planned=planned)


def test_the_numbers_of_a_load_point_are_medians_over_trials() -> None:
    found = point_of([10, 20, 12.5]).metrics
    assert (found["tps"].value, found["tps"].low, found["tps"].high, found["tps"].n) == (80.0, 50.0, 100.0, 3)
    assert found["response_time_p50"].value == 0.0125


def test_objectives_are_judged_on_the_load_point() -> None:
    met, missed, unknown = point_of(
        [10, 20, 12.5], ["tps >= 70/s", "response_time_p50 < 10ms", "response_time_p99 < 1s"]
    ).slo
    assert (met.met, missed.met, unknown.met) == (True, False, None)
    assert unknown.text == "response_time_p99 < 1.00 s: n/a (n=20, 368 needed)"


def test_a_load_point_is_as_valid_as_its_worst_trial_and_says_which() -> None:
    where = point()
    rows = users(1, 10, 20)
    good = evaluate_trial(where, trials_of("p", 3)[0], samples(rows), "sql")
    bad = evaluate_trial(where, trials_of("p", 3)[1], Samples(table(rows), (report(rows, scheduled=99),)), "sql")
    found = evaluate_point(where, "sql", [good, bad, replace(good, number=3)])
    assert found.validity is Validity.INVALID
    assert [finding.text[:15] for finding in found.findings] == ["trial 2 of 3: w"]


def test_trials_that_are_missing_are_said() -> None:
    found = point_of([10, 20], planned=3)
    assert (found.validity, found.findings[0].text) == (Validity.DEGRADED, "2 of 3 planned trials finished")
    assert point_of([10], planned=1).findings == ()


def test_the_hint_about_missing_trials_says_resume_only_where_that_helps() -> None:
    def hint(status: str) -> str:
        ends = {"p.t2": (status, "why")}
        run = evaluate_run(plan([point()], 2), FACTS, {"some": "sql"}, first_only, ends)  # type: ignore[arg-type]
        return run.points[0].findings[0].hint

    def first_only(_: LoadPoint, trial: Trial) -> Samples | None:
        return samples(users(1, 10, 20)) if trial.number == 1 else None

    assert hint("interrupted") == "aifbench resume goes on"
    assert "--retry-failed" in hint("failed")


def test_of_a_failed_trial_that_left_no_rows_only_its_reason_is_told() -> None:
    """Advice about rates and durations would lead away from the cause."""

    def load_samples(_: LoadPoint, __: Trial) -> Samples:
        return Samples(table([]), (report([], error="could not connect"),))

    ends = {"p.t1": ("failed", "could not connect")}
    run = evaluate_run(plan([point()], 1), FACTS, {"some": "sql"}, load_samples, ends)  # type: ignore[arg-type]
    assert [finding.code for finding in run.points[0].findings] == ["trials", "no-samples"]


def test_an_invariant_that_does_not_hold_after_the_load_makes_a_load_point_invalid() -> None:
    where = point()
    trial = evaluate_trial(where, trials_of("p", 1)[0], samples(users(1, 10, 20)), "sql")

    def after(held: bool | None) -> PointResult:
        return evaluate_point(where, "sql", [trial], check={"invariants": {"sum of balances = sum of history": held}})

    assert after(True).validity is Validity.VALID
    assert after(None).findings == ()
    assert (after(False).validity, after(False).findings[0].code) == (Validity.INVALID, "invariant")
    assert "sum of balances = sum of history" in after(False).findings[0].text


def test_a_busy_worker_is_no_fault_where_the_target_answers_inside_it() -> None:
    def load_samples(_: LoadPoint, __: Trial) -> Samples:
        return samples(users(1, 10, 20), cpu_s=1.0, window_wall_s=1.0)

    def codes(uses: str) -> set[str]:
        services = [PlannedService("t", uses, {}, "local", 1.0)]
        run = evaluate_run(plan([point()], 1, services), FACTS, {"some": "vector"}, load_samples)
        return {finding.code for finding in run.points[0].findings}

    assert "worker-cpu" in codes("chroma")
    assert "worker-cpu" not in codes("faiss")


def plan(points: Sequence[LoadPoint], trials: int, services: Sequence[PlannedService] = ()) -> Plan:
    stage = Stage("s1", tuple(services), (), tuple(points), tuple(t for p in points for t in trials_of(p.id, trials)))
    return Plan(1, "demo", "local", "local", 1, "sha256:1", (stage,), Estimate(1, None, None, len(points), trials))


def test_a_run_is_evaluated_from_its_samples_and_survives_its_own_json() -> None:
    asked: list[str] = []

    def load_samples(_: LoadPoint, trial: Trial) -> Samples:
        asked.append(trial.id)
        return samples(users(1, 9 + trial.number, 60))

    found = evaluate_run(plan([point()], 3), FACTS, {"some": "sql"}, load_samples)
    assert asked == ["p.t1", "p.t2", "p.t3"]
    only = found.points[0]
    assert (only.family, only.validity, only.metrics["response_time_p50"].value) == ("sql", Validity.VALID, 0.011)
    assert (only.metrics["response_time_p50"].low, only.metrics["response_time_p50"].high) == (0.010, 0.012)
    assert found.declarations["tps"].unit == "1/s"
    assert from_data(RunResult, to_data(found)) == found


def test_a_trial_without_samples_is_invalid_with_its_reason_and_gives_no_number() -> None:
    def load_samples(_: LoadPoint, trial: Trial) -> Samples | None:
        return samples(users(1, 10, 20)) if trial.number == 1 else None

    ends = {"p.t2": ("failed", "llm died: exit code 3")}
    found = evaluate_run(plan([point()], 2), FACTS, {"some": "sql"}, load_samples, ends).points[0]  # type: ignore[arg-type]
    assert found.validity is Validity.INVALID
    assert (found.trials[1].status, found.trials[1].reason, found.trials[1].metrics) == (
        "failed",
        "llm died: exit code 3",
        {},
    )
    assert found.metrics["tps"].value == 100.0


def test_an_interrupted_trial_is_kept_and_marked_but_gives_the_load_point_no_number() -> None:
    ends = {"p.t1": ("interrupted", "Ctrl-C")}
    run = evaluate_run(plan([point()], 1), FACTS, {"some": "sql"}, lambda *_: samples(users(1, 10, 20)), ends)  # type: ignore[arg-type]
    only = run.points[0]
    assert only.trials[0].metrics["tps"].value == 100.0
    assert (only.trials[0].validity, only.metrics) == (Validity.INVALID, {})


def test_recall_curves_are_read_across_load_points_of_one_target_and_load() -> None:
    """The database does 100/s at recall 0.95; faiss 500/s at 0.9 and 250/s at 1.0, so 375/s at 0.95."""
    load = Load("closed", duration_s=1.0, concurrency=1)
    services = [PlannedService("db", "chroma", {}, "local", 1.0), PlannedService("bound", "faiss", {}, "local", 1.0)]
    points = [point(load, name=name, target=name[:-1]) for name in ("db1", "bound1", "bound2")]
    made = {"db1": (10.0, 0.95), "bound1": (2.0, 0.9), "bound2": (4.0, 1.0)}

    def load_samples(where: LoadPoint, _: Trial) -> Samples:
        length, recall = made[where.id]
        return samples([Row(length * i, length * i, length * (i + 1), own={"recall": recall}) for i in range(40)])

    found = evaluate_run(plan(points, 1, services), FACTS, {"some": "vector"}, load_samples)
    efficiency = {item.point: item.metrics["efficiency"] for item in found.points}
    assert efficiency["db1"].value is not None
    assert abs(efficiency["db1"].value - 100 / 375) < 1e-9
    assert efficiency["bound1"].reason == "this target is the bound itself"
    database, bound = found.across["recall_qps"]
    assert database["qps_at_recall"]["qps_at_recall_0.95"]["value"] == 100.0
    assert database["qps_at_recall"]["qps_at_recall_0.99"] == {
        "value": None, "reason": "the recall–QPS curve ends at recall 0.9500",
    }  # fmt: skip
    assert [entry["point"] for entry in bound["points"]] == ["bound1", "bound2"]
    assert "efficiency" in found.declarations


def test_a_trial_with_more_workers_than_planned_says_why_it_has_them() -> None:
    rows = users(2, 5, 200)
    done = evaluate_trial(point(replace(CLOSED, concurrency=2)), TRIAL, samples(rows, workers=2), "common")
    assert done.validity is Validity.VALID
    assert next(one for one in done.findings if one.code == "remedy").text.startswith("2 workers instead of 1")


def test_who_reads_that_the_generator_was_the_limit_reads_why_it_got_no_more_workers() -> None:
    facts = replace(FACTS, no_remedy={"p.t1": "no core is free for another worker"})
    busy = samples(users(1, 10, 20), cpu_s=0.9, window_wall_s=1.0)
    run = evaluate_run(plan([point()], 2), facts, {"some": "common"}, lambda *_: busy)
    hints = [next(one.hint for one in trial.findings if one.code == "worker-cpu") for trial in run.points[0].trials]
    assert hints == ["raise load.workers; no core is free for another worker", "raise load.workers"]
