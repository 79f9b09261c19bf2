"""Everything a run will do, worked out before anything is done.

vocabulary() → Vocabulary               the names this installation knows, for `recipe.check`
make(recipe, site, vocabulary) → Plan   pure and deterministic
render(plan) → PlanListing              the plan as rows for a reader
"""

from aifbench.plan.listing import PlanListing, render
from aifbench.plan.planner import MAX_POINTS, MAX_TRIALS, make
from aifbench.plan.vocabulary import vocabulary

__all__ = ["MAX_POINTS", "MAX_TRIALS", "PlanListing", "make", "render", "vocabulary"]
