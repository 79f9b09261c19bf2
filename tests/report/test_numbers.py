"""No number is shown that is not in the result; none is shown in a way that hides what it is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aifbench.metrics.declare import FAMILIES, declared
from aifbench.metrics.tables import ACROSS
from aifbench.model.result import Finding, Metric, PointResult, RunResult, Validity
from aifbench.report import words
from aifbench.report.after_load import checks_sheet
from aifbench.report.charts import distribution, over_time, recall, sweep
from aifbench.report.facts import preparations_sheet
from aifbench.report.family import HEADLINE, TITLES, families, split_operation
from aifbench.report.scale import Scale, metric_cell, scale_for
from aifbench.report.sheet import Sheet
from aifbench.report.summary import family_sheet, told_once
from aifbench.report.workload import errors_sheet, metrics_sheet, operations_sheet, trials_sheet
from tests.report import example

_FACTORS = (1.0, 1e3, 1e6, 100.0, 1 / (1 << 20), 1e-6, 1 / 1024)


def _known(result: RunResult) -> set[float]:
    """All numbers of the metrics, in every unit that a report may show them in."""
    metrics = [metric for point in result.points for metric in point.metrics.values()]
    metrics += [metric for point in result.points for trial in point.trials for metric in trial.metrics.values()]
    values = {value for metric in metrics for value in (metric.value, metric.low, metric.high) if value is not None}
    return {value * factor for value in values for factor in _FACTORS}


def _shown(sheets: list[Sheet]) -> Iterator[float]:
    for sheet in sheets:
        for row in sheet.rows:
            for column, cell in zip(sheet.columns, row, strict=True):
                if column.metric and not cell.text.startswith("n/a"):
                    for number in re.findall(r"[0-9.\u202f]+", f"{cell.text} {cell.note.partition('n ')[0]}"):
                        yield float(number.replace("\u202f", ""))


def test_every_number_in_the_tables_is_in_the_result() -> None:
    result = example.result()
    known = _known(result)
    sheets = [family_sheet(result, family) for family in families(result)]
    for name in dict.fromkeys(point.workload for point in result.points):
        points = [point for point in result.points if point.workload == name]
        sheets += [trials_sheet(result, points), *filter(None, [operations_sheet(result, points)])]
    shown = list(_shown(sheets))
    assert len(shown) > 200
    for number in shown:
        assert any(math.isclose(number, value, rel_tol=0.006, abs_tol=1e-12) for value in known), number


def test_a_value_that_was_not_measured_is_never_zero() -> None:
    cell = metric_cell(Metric("ttft_p99", "s", None, reason="n=39, needs 368"), Scale("ms", 1e3))
    assert cell.text == "n/a (n=39, needs 368)"
    assert cell.sort is None


def test_a_value_of_fewer_trials_than_its_row_says_of_how_many() -> None:
    metric = Metric("ttft_p99", "s", 0.0102, n=1)
    assert metric_cell(metric, Scale("ms", 1e3), usual_n=2).text == "10.2 (1 of 2)"
    assert metric_cell(replace(metric, n=2), Scale("ms", 1e3), usual_n=2).text == "10.2"


def test_a_load_point_that_never_began_says_why_and_not_that_its_workload_measures_nothing() -> None:
    result = example.result()
    first, second, *rest = result.points
    trials = tuple(
        replace(trial, status="failed", reason="preparation words failed\nmore", metrics={}) for trial in first.trials
    )
    lost = replace(first, metrics={}, trials=trials)
    sheet = family_sheet(replace(result, points=(lost, second, *rest)), first.family)
    cells = [cell.text for column, cell in zip(sheet.columns, sheet.rows[0], strict=True) if column.metric]
    assert set(cells) == {"n/a (preparation words failed)"}


def test_all_metrics_are_listed_once_per_unit() -> None:
    result = example.result()
    points = [point for point in result.points if point.workload == "blobs"]
    names = [row[0].text for row in metrics_sheet(result, points).rows]
    plain = {name.replace("_", " ") for name in points[0].metrics if not split_operation(name)[0]}
    assert set(names) == plain
    assert names.count("bandwidth in") == 2  # MiB/s and MB/s


@pytest.mark.parametrize(
    ("unit", "values", "shown"),
    [
        ("s", [0.0123, 0.0201], "ms"),
        ("s", [0.000_03], "µs"),
        ("s", [1.5, 2.5], "s"),
        ("bytes/s", [5e6], "MiB/s"),
        ("bytes", [2048.0], "KiB"),
        ("1/s", [3.0], "1/s"),
        ("share", [0.01], "%"),
    ],
)
def test_a_column_has_the_unit_that_its_values_ask_for(unit: str, values: list[float], shown: str) -> None:
    assert scale_for(unit, values).unit == shown


def test_recall_stays_a_share() -> None:
    assert scale_for("share", [0.98], "recall_mean") == Scale("")


@pytest.mark.parametrize(
    ("value", "written"),
    [(26_344.0, "26\u202f344"), (1234.56, "1235"), (0.0123, "0.0123"), (0.0, "0"), (100.0, "100"), (math.inf, "∞")],
)
def test_numbers_have_three_digits_and_grouped_thousands(value: float, written: str) -> None:
    assert Scale("").show(value) == written


def test_errors_are_summed_over_trials_with_the_servers_own_words() -> None:
    point = next(point for point in example.points() if point.point == "chat.3")
    sheet = errors_sheet([point])
    assert sheet is not None
    assert [(row[1].text, row[2].text) for row in sheet.rows] == [("http-503", "27"), ("timeout", "6")]
    assert example.NASTY in sheet.rows[0][3].text


def test_a_preparation_without_a_number_says_why() -> None:
    sheet = preparations_sheet(example.result(), example.plan(), "search")
    assert sheet is not None
    column = [column.head for column in sheet.columns].index("index bytes per vector")
    assert sheet.rows[0][column].text == "n/a (Chroma does not tell)"


def test_a_preparation_that_the_plan_does_not_place_is_shown_apart() -> None:
    sheet = preparations_sheet(example.result(), example.plan(), unplaced=True)
    assert sheet is not None
    assert [row[0].text for row in sheet.rows] == ["blobs-s3"]


def test_what_a_check_found_stands_with_its_workload_in_units_and_words() -> None:
    found = {
        "invariants": {"accounts = history": True, "tellers = branches": False, "rows kept": None},
        "server": {"wal_bytes": 3 << 20, "wal_bytes_per_commit": 1234.5678, "buffer_hit_share": 0.98765, "wal": None},
    }
    result = replace(example.result(), checks={"search-chroma": found, "blobs-s3": {"checked": 200}})
    sheet = checks_sheet(result, example.plan(), "search")
    assert sheet is not None
    assert [(row[1].text, row[2].text, row[2].tone) for row in sheet.rows] == [
        ("accounts = history", "holds", "ok"),
        ("tellers = branches", "broken", "bad"),
        ("rows kept", "n/a (not checked)", "muted"),
        ("server wal bytes", "3.00 MiB", ""),
        ("server wal bytes per commit", "1.21 KiB", ""),
        ("server buffer hit share", "98.8 %", ""),
        ("server wal", "n/a (not told)", "muted"),
    ]
    apart = checks_sheet(result, example.plan(), unplaced=True)
    assert apart is not None
    assert [row[0].text for row in apart.rows] == ["blobs-s3"]


def test_the_command_names_the_site_unless_it_is_this_machine() -> None:
    assert words.command(example.plan()) == "aifbench run recipe.yaml"
    assert words.command(replace(example.plan(), site="big one")) == "aifbench run recipe.yaml --site 'big one'"


def test_the_verdict_counts_what_is_valid_and_which_slos_hold() -> None:
    assert words.verdict(example.result()) == (
        "16 load points: 14 VALID, 1 DEGRADED (search.milvus.3), 1 INVALID (chat.3). "
        "3 of 6 SLOs met, 1 could not be measured."
    )


def _chat() -> list[PointResult]:
    return [point for point in example.points() if point.workload == "chat"]


def test_the_sweep_is_drawn_only_where_the_load_was_varied() -> None:
    assert sweep.chart(_chat()) is not None
    assert sweep.chart([point for point in example.points() if point.workload == "search"]) is None


def test_an_invalid_load_point_is_drawn_with_a_cross() -> None:
    made = sweep.chart(_chat())
    assert made is not None
    assert made.figure["data"][0]["marker"]["symbol"] == ["circle", "circle", "x-thin-open"]


def test_recall_curves_have_one_line_per_target() -> None:
    made = recall.chart([point for point in example.points() if point.family == "vector"])
    assert made is not None
    assert [trace["name"] for trace in made.figure["data"]] == ["chroma", "milvus", "faiss"]
    drawn = {y for trace in made.figure["data"] for y in trace["y"]}
    rates = [p.metrics["throughput"].value or 0 for p in example.points() if p.family == "vector"]
    assert all(any(math.isclose(y, rate, rel_tol=1e-5) for rate in rates) for y in drawn)


def test_fixed_recall_comes_from_the_result_and_is_not_computed_again() -> None:
    sheet = recall.at_fixed_recall(example.result())
    assert sheet is not None
    assert [cell.text for cell in sheet.rows[1]][3:] == ["402", "n/a (the recall–QPS curve ends at recall 0.9858)"]
    assert recall.at_fixed_recall(replace(example.result(), across={})) is None
    declared_there = {row.name: row.definition for row in ACROSS}
    assert sheet.columns[3].title == declared_there["qps_at_recall_0.9"]
    assert sheet.notes[0].startswith("Read linearly between neighbours")


def test_the_measured_window_is_shaded_where_the_result_says() -> None:
    made = over_time.chart(_chat()[0], 3)
    assert made is not None
    assert [(band["x0"], band["x1"], band["fillcolor"]) for band in made.figure["layout"]["shapes"]] == [
        (0.0, 4.0, "@warmup"),
        (4.1, 23.6, "@window"),
    ]


def test_quantiles_with_a_name_are_always_drawn() -> None:
    made = distribution.chart(_chat(), "quantiles", (("response_s", "response time"),), "Latency")
    assert made is not None
    drawn = made.figure["data"][0]["customdata"]
    assert {50.0, 90.0, 99.0} <= set(drawn)
    assert len(drawn) < 80


def test_trials_that_are_not_drawn_are_said() -> None:
    made = over_time.chart(_chat()[0], 2)
    assert made is not None
    assert made.data.notes == ("2 of 3 trials of chat.1 are drawn; result.json has the others.",)


def test_a_trial_without_series_draws_nothing_and_breaks_nothing() -> None:
    bare = replace(_chat()[0], trials=tuple(replace(trial, series={}) for trial in _chat()[0].trials))
    assert over_time.chart(bare, 3) is None
    assert distribution.chart([bare], "quantiles", (("response_s", "response time"),), "Latency") is None


def test_each_check_of_a_load_point_is_told_once_with_its_trials() -> None:
    """Also those that passed, and those of trials that the load point's own findings do not sum up."""
    point = next(point for point in example.points() if point.validity is Validity.INVALID)
    lag = next(finding for finding in point.findings if finding.code == "schedule-lag")
    trials = [
        replace(trial, findings=(lag, Finding("errors", Validity.VALID, f"{trial.number} of 99 operations failed")))
        for trial in point.trials
    ]
    told = told_once(replace(point, findings=(lag,), trials=tuple(trials)))
    assert [finding.text for finding in told] == [lag.text, "trials 1, 2, 3 of 3: 1 of 99 operations failed"]


def test_every_family_of_metrics_has_a_title() -> None:
    assert set(FAMILIES) - {"common"} <= set(TITLES)


def test_every_headline_metric_is_declared() -> None:
    missing = [(family, name) for family, names in HEADLINE.items() for name in names if name not in declared(family)]
    assert missing == []
