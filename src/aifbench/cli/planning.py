"""From what the user typed to a plan: recipe file or example, overrides, site."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from aifbench.cli.examples import find_recipe
from aifbench.model.plan import Plan
from aifbench.recipe import checker, loading, site
from aifbench.recipe.document import Document
from aifbench.recipe.resolved import Recipe
from aifbench.recipe.site import Site


@dataclass(frozen=True)
class Planned:
    """`recipe_text` and `site_text` are what the run folder keeps: includes and overrides laid in, no secrets."""

    plan: Plan
    recipe_text: str
    site_text: str
    site: Site

    def runs_root(self, given: Path | None) -> Path:
        """`--runs`, else AIFBENCH_RUNS, else what the site says, else ./runs."""
        from aifbench.store.find import runs_root

        return runs_root(given or os.environ.get("AIFBENCH_RUNS") or self.site.runs)


def read_recipe(given: str, overrides: Sequence[str], environ: Mapping[str, str] | None = None) -> Document:
    """Raises RecipeError. With `environ`, secrets that it lacks are mistakes when the recipe is checked."""
    return loading.load(find_recipe(given), overrides, environ)


def check_recipe(document: Document) -> Recipe:
    """Raises RecipeError with every mistake."""
    from aifbench.plan.vocabulary import vocabulary

    return checker.check(document, vocabulary())


def plan_recipe(
    given: str, overrides: Sequence[str], site_given: str | None, environ: Mapping[str, str] | None = os.environ
) -> Planned:
    """Raises RecipeError with every mistake of the recipe, or else of the site."""
    return plan_document(read_recipe(given, overrides, environ), site_given)


def plan_document(document: Document, site_given: str | None) -> Planned:
    return plan_checked(check_recipe(document), site_given)


def plan_checked(recipe: Recipe, site_given: str | None) -> Planned:
    """Raises RecipeError for combinations of values that clash, and for mistakes of the site."""
    from aifbench.executors.base import EXECUTORS
    from aifbench.plan.planner import make
    from aifbench.plan.vocabulary import vocabulary
    from aifbench.recipe.text import to_text

    document = recipe.document
    known = EXECUTORS.names()
    if site_given:
        where = site.load(site_given, executors=known)
    else:
        place = document.place(("site",))
        where = site.load(recipe.site, recipe_file=document.file, executors=known, place=place)
    plan = make(recipe, where, vocabulary(), str(Path.cwd()))
    return Planned(plan, to_text(document), _site_text(where), where)


def _site_text(where: Site) -> str:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in asdict(where).items())
