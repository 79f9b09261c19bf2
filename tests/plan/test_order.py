from __future__ import annotations

from aifbench.model.load import Load
from aifbench.model.plan import LoadPoint
from aifbench.plan.order import interleave

A, B = (LoadPoint(name, "w", "u", "t", {}, Load("closed", 1.0), "p") for name in "AB")


def order(counts: dict[str, int]) -> str:
    seeds = {(name, number): 0 for name in "AB" for number in range(1, 9)}
    return " ".join(f"{trial.point}{trial.number}" for trial in interleave([A, B], counts, seeds))


def test_every_second_round_runs_backwards() -> None:
    assert order({"A": 4, "B": 4}) == "A1 B1 B2 A2 A3 B3 B4 A4"


def test_a_point_with_fewer_trials_drops_out() -> None:
    assert order({"A": 3, "B": 1}) == "A1 B1 A2 A3"


def test_a_stage_without_points_has_no_trials() -> None:
    assert interleave([], {}, {}) == []
