"""All settings of one workload: the product of its matrices and lists, each resolved to options and a load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from aifbench.errors import Problem
from aifbench.model.load import Load
from aifbench.model.options import Options
from aifbench.model.paths import counted_from
from aifbench.recipe.document import Document, Path, dotted
from aifbench.recipe.explain import Mistake, mistakes
from aifbench.recipe.load_section import resolve
from aifbench.recipe.resolved import WorkloadEntry
from aifbench.recipe.sweep import Axis, put
from aifbench.recipe.vocabulary import Vocabulary

Indices = tuple[int, ...]
"""Which value of each axis."""


@dataclass(frozen=True)
class Setting:
    options: Mapping[str, Any]
    load: Load
    varied: Mapping[str, Any]


def combinations(axes: Sequence[Axis]) -> Iterator[Indices]:
    """The last axis varies fastest."""
    return product(*(range(len(axis.values)) for axis in axes))


def varied(axes: Sequence[Axis], indices: Indices, prefix: str = "") -> dict[str, Any]:
    """Dotted path → value of everything that has more than one value."""
    return {
        prefix + dotted(axis.path): axis.values[index]
        for axis, index in zip(axes, indices, strict=True)
        if len(axis.values) > 1
    }


def chosen(raw: Mapping[str, Any], axes: Sequence[Axis], indices: Indices) -> dict[str, Any]:
    made = dict(raw)
    for axis, index in zip(axes, indices, strict=True):
        made = put(made, axis.path, axis.values[index])
    return made


def options_of(model: type[Options], raw: Mapping[str, Any], here: str = "") -> dict[str, Any]:
    """Every option with its default filled in, as plain JSON; raises pydantic.ValidationError.

    Relative paths are made absolute from `here`, unless that is empty.
    """
    return model.model_validate(raw, context=counted_from(here)).model_dump(mode="json", by_alias=True)


class Settings:
    """Resolves settings of one workload; what is wrong with a combination goes to `problems`."""

    def __init__(self, entry: WorkloadEntry, document: Document, vocabulary: Vocabulary, here: str = "") -> None:
        self.entry = entry
        self.document = document
        self.vocabulary = vocabulary
        self.here = here
        self.model = vocabulary.workload(entry.uses).recipe_keys
        self.problems: list[Problem] = []
        self._of_load = [axis.path[0] == "load" for axis in entry.axes]
        self._option_axes = [axis for axis in entry.axes if axis.path[0] != "load"]
        self._load_axes = [axis for axis in entry.axes if axis.path[0] == "load"]
        self._options: dict[Indices, Mapping[str, Any] | None] = {}
        self._loads: dict[Indices, Load | None] = {}

    def all(self) -> Iterator[Setting]:
        for indices in combinations(self.entry.axes):
            parted = list(zip(indices, self._of_load, strict=True))
            options = self._options_for(tuple(index for index, of_load in parted if not of_load))
            load = self._load_for(tuple(index for index, of_load in parted if of_load))
            if options is not None and load is not None:
                yield Setting(options, load, varied(self.entry.axes, indices))

    def _options_for(self, indices: Indices) -> Mapping[str, Any] | None:
        if indices not in self._options:
            raw = chosen(self.entry.raw, self._option_axes, indices)
            del raw["load"]
            try:
                self._options[indices] = options_of(self.model, raw, self.here)
            except ValidationError as error:
                self._note(mistakes(error, raw, self.model), self._option_axes, indices)
                self._options[indices] = None
        return self._options[indices]

    def _load_for(self, indices: Indices) -> Load | None:
        if indices not in self._loads:
            raw = chosen(self.entry.raw, self._load_axes, indices)
            load, wrong = resolve(raw["load"], self.vocabulary, self.document.folder)
            below = [Mistake(("load", *one.path), one.message, one.at_key, one.hint) for one in wrong]
            self._note(below, self._load_axes, indices)
            self._loads[indices] = load
        return self._loads[indices]

    def _note(self, found: Sequence[Mistake], axes: Sequence[Axis], indices: Indices) -> None:
        with_values = ", ".join(f"{path}={value}" for path, value in varied(axes, indices).items())
        for one in found:
            path: Path = ("workloads", self.entry.name, *one.path)
            message = f"{one.message} (with {with_values})" if with_values else one.message
            seen = next(
                (
                    (*axis.source, index)
                    for axis, index in zip(axes, indices, strict=True)
                    if one.path[: len(axis.path)] == axis.path
                ),
                (),
            )
            self.problems.append(self.document.problem(path, message, hint=one.hint, at_key=one.at_key, seen=seen))
