from __future__ import annotations

from pathlib import Path

import pytest

from aifbench import plan
from aifbench.model.codec import content_hash
from aifbench.model.load import Load
from aifbench.plan.listing import load_text
from tests.plan.test_planner import TWO, planned


def test_a_listing_has_one_row_per_load_point_and_the_trials_in_their_order(tmp_path: Path) -> None:
    made = planned(tmp_path, TWO)
    listing = plan.render(made)
    assert [row[1] for row in listing.points] == [point.id for point in made.points()]
    assert {len(row) for row in listing.points} == {len(listing.columns)}
    assert listing.order == (("stage-1", tuple(trial.id for trial in made.trials())),)


def test_a_listing_says_what_the_plan_will_take(tmp_path: Path) -> None:
    made = planned(tmp_path, TWO)
    facts = dict(plan.render(made).facts)
    assert facts["plan"] == content_hash(made)
    assert (facts["load points"], facts["trials"]) == ("4", "8")
    assert facts["load time"] == "at least 4 min 40 s"
    assert facts["operations"] == "as many as the targets answer"


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (Load("poisson", 30, 5, rate_per_s=10), "poisson 10.0/s for 30.0 s (+ 5.00 s warm-up)"),
        (Load("ramp", 60, 0, rate_per_s=5, cooldown_s=10), "ramp 5.00/s for 60.0 s (+ 10.0 s cool-down)"),
        (Load("closed", 30, concurrency=1), "closed, 1 user for 30.0 s"),
        (Load("closed", 3600, concurrency=8, operations=1000), "closed, 8 users, 1,000 operations"),
    ],
)
def test_a_load_reads_as_a_phrase(load: Load, text: str) -> None:
    assert load_text(load) == text
