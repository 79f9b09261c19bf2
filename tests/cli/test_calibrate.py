"""`aifbench calibrate`, and what runs and plans make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aifbench.cli.calibrate import TRANSPORTS
from aifbench.load.calibrate import SCENES, Seen, limit
from aifbench.workloads.base import WORKLOADS
from tests.cli.calling import call
from tests.simulators import behaviour, running

RATED = ("--rate", "1000000", "--duration", "1s", "--print-recipe")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIFBENCH_HOME", str(home))


def test_the_choices_are_what_can_be_measured_and_every_workload_names_one_of_them() -> None:
    assert set(TRANSPORTS) == set(SCENES)
    assert {WORKLOADS.load(name).transport for name in WORKLOADS.names()} - {""} <= set(SCENES)


def test_who_was_busy_was_the_limit() -> None:
    def seen(worker: float, stub: float | None) -> Seen:
        return Seen(10, worker, 1.0, stub, [], {})

    found = [limit(seen(0.95, 0.2)), limit(seen(0.5, 0.97)), limit(seen(0.5, None)), limit(seen(0.95, 0.95))]
    assert found == ["generator", "stub", "neither", "generator"]


def test_without_a_calibration_none_is_shown_and_nothing_is_warned_of(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = call(capsys, "calibrate", "--show")
    assert answer.code == 2
    assert "no calibration of this machine" in answer.err


@pytest.mark.parametrize("text", ["soon", "0s", "1h"])
def test_a_wrong_duration_is_named(capsys: pytest.CaptureFixture[str], text: str) -> None:
    answer = call(capsys, "calibrate", "--duration", text)
    assert (answer.code, answer.out) == (2, "")
    assert "--duration" in answer.err


def test_it_measures_stores_and_is_used_by_the_next_run(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    answer = call(capsys, "calibrate", "--transport", "http", "--transport", "sse", "--duration", "1s", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    for name, unit in (("http", "requests"), ("sse", "events")):
        ceiling = found["ceilings"][name]
        assert ceiling["unit"] == unit
        assert ceiling["per_cpu_s"] > 500
        assert 0 < ceiling["worker_share"] <= 1.1
        assert 0 < ceiling["stub_share"] <= 1.1
        assert ceiling["send_lag_p99_s"] >= ceiling["send_lag_p50_s"] >= 0
    assert (home / "calibration.json").is_file()
    assert "requests/s" in call(capsys, "calibrate", "--show").out
    point = probed(capsys, tmp_path)
    share = point["metrics"]["generator_share"]["value"]
    assert 0 < share < 1
    texts = [finding["text"] for finding in point["trials"][0]["findings"] if finding["code"] == "generator-ceiling"]
    assert len(texts) == 1
    assert "of what this generator can do" in texts[0]


def probed(capsys: pytest.CaptureFixture[str], runs: Path) -> dict[str, Any]:
    words = ("--rate", "100", "--duration", "1s", "--warmup", "0s", "--runs", str(runs), "--json", "--allow-invalid")
    with running(behaviour("1ms")) as simulator:
        answer = call(capsys, "probe", "http", f"{simulator.url}/instant", *words)
    point: dict[str, Any] = json.loads(answer.out)["result"]["points"][0]
    return point


def test_a_plan_above_the_ceiling_is_warned_of_before_the_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Uses what the test before stored."""
    recipe = tmp_path / "much.yaml"
    recipe.write_text(call(capsys, "probe", "http", "localhost", *RATED).out)
    answer = call(capsys, "plan", str(recipe))
    assert answer.code == 0
    assert "warning: http plans 1000000/s" in answer.err.replace(",", "").replace(" 000 000", "000000")
    modest = call(capsys, "plan", str(recipe), "--set", "workloads.http.load.rate_per_s=1")
    assert modest.err == ""
