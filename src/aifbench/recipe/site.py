"""Sites: where a recipe runs. `local`, this machine, needs no file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from aifbench.errors import Problem, RecipeError
from aifbench.recipe.document import Document, Place, without_nothing
from aifbench.recipe.explain import mistakes
from aifbench.recipe.keys import SiteKeys
from aifbench.recipe.loading import load as load_document
from aifbench.registry import unknown

LOCAL = "local"


@dataclass(frozen=True)
class Site:
    """`env` names the variables that processes may see; `runs` is empty when the site does not say."""

    name: str
    executor: str
    options: Mapping[str, Any] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    runs: str = ""
    cpus: tuple[int, ...] = ()


BUILT_IN: Mapping[str, Site] = {LOCAL: Site(LOCAL, "local")}


def load(
    name_or_path: str, *, recipe_file: str = "", executors: Sequence[str] = (), place: Place | None = None
) -> Site:
    """A built-in site by its name, or the site file at that path (from the folder of `recipe_file`).

    `executors` are the known executor names; without them nobody asks. `place` is where the recipe names the site.
    Raises RecipeError with all mistakes.
    """
    if name_or_path in BUILT_IN:
        return _with_cpus(BUILT_IN[name_or_path])
    if not _is_path(name_or_path):
        hint = "or give the path of a site file, such as ./my-site.yaml"
        at = place or Place(recipe_file)
        text = unknown("site", name_or_path, BUILT_IN)
        raise RecipeError([Problem(text, "site", at.file, at.line, at.column, hint)])
    path = os.path.join(os.path.dirname(recipe_file), name_or_path)  # noqa: PTH118, PTH120 - shown as the user wrote it
    return _with_cpus(check(load_document(path), executors))


def _with_cpus(site: Site) -> Site:
    """On this machine the cores that may be used are known: those of this process, unless the file says less."""
    if site.executor != LOCAL or site.cpus:
        return site
    return replace(site, cpus=tuple(sorted(os.sched_getaffinity(0))))


def check(document: Document, executors: Sequence[str] = ()) -> Site:
    raw = without_nothing(document.data)
    problems: list[Problem] = []
    keys: SiteKeys | None = None
    try:
        keys = SiteKeys.model_validate(raw)
    except ValidationError as error:
        for one in mistakes(error, raw, SiteKeys):
            problems.append(document.problem(one.path, one.message, hint=one.hint, at_key=one.at_key))  # noqa: PERF401
    executor = raw.get("executor", LOCAL)
    if executors and isinstance(executor, str) and executor not in executors:
        problems.append(document.problem(("executor",), unknown("executor", executor, executors)))
    elif executors and isinstance(executor, str) and isinstance(raw.get("options"), Mapping):
        for key in raw["options"]:
            text = f"the executor {executor} has no keys of its own, so it would not see {key!r}"
            problems.append(document.problem(("options", key), text, hint="take it out", at_key=True))
    if problems or keys is None:
        raise RecipeError(sorted(problems, key=lambda one: (one.line, one.column)))
    stem = PurePath(document.file).stem
    return Site(keys.name or stem, keys.executor, keys.options, tuple(keys.env), keys.runs, tuple(keys.cpus))


def _is_path(text: str) -> bool:
    return "/" in text or text.endswith((".yaml", ".yml"))
