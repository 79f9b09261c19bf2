"""The tables of services, workloads and arrival processes, as the vocabulary that recipes are checked against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aifbench.errors import Problem, RecipeError
from aifbench.recipe.vocabulary import Vocabulary


def vocabulary() -> Vocabulary:
    """All names that this installation knows, plugins included. Nothing is imported before a recipe names it."""
    from aifbench.load.arrival.base import ARRIVALS
    from aifbench.services.base import SERVICES
    from aifbench.workloads.base import WORKLOADS

    return Vocabulary(SERVICES, WORKLOADS, ARRIVALS, slo_mistake, estimate_bytes)


def slo_mistake(expression: str, family: str) -> Problem | None:
    """Without a family only the form is checked."""
    from aifbench.metrics.slo import parse_form, parse_slo

    try:
        if family:
            parse_slo(expression, family)
        else:
            parse_form(expression)
    except RecipeError as error:
        return error.problems[0]
    return None


def estimate_bytes(workload: str, options: Mapping[str, Any]) -> int:
    from aifbench.workloads.base import WORKLOADS

    kind = WORKLOADS.load(workload)
    return kind(kind.recipe_keys.model_validate(options)).estimate_bytes()
