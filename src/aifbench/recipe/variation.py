"""Checks a group of keys with every value that its lists and matrices give it, one varied value at a time.

Checking one value after the other finds what is wrong with each without trying all combinations; what only two
values together make wrong is found when the plan is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aifbench.recipe.document import Path
from aifbench.recipe.explain import Mistake
from aifbench.recipe.sweep import Axis, put

Validate = Callable[[Mapping[str, Any]], Iterable[Mistake]]
"""What is wrong with a group of keys that holds single values."""

Found = tuple[Mistake, Path | None]
"""A mistake and, when a varied value is to blame, where that value was written."""


def first_values(raw: Mapping[str, Any], axes: Sequence[Axis]) -> dict[str, Any]:
    """The keys with the first value of each axis."""
    made = dict(raw)
    for axis in axes:
        made = put(made, axis.path, axis.values[0])
    return made


def vary(raw: Mapping[str, Any], axes: Sequence[Axis], validate: Validate) -> Iterator[Found]:
    base = first_values(raw, axes)
    seen: set[tuple[Path, str]] = set()
    for mistake in validate(base):
        seen.add((mistake.path, mistake.message))
        yield mistake, _source(mistake, axes)
    for axis in axes:
        for index, value in enumerate(axis.values[1:], 1):
            for mistake in validate(put(base, axis.path, value)):
                inside = _is_below(mistake.path, axis.path)
                if inside and not mistake.at_key:
                    yield mistake, (*axis.source, index, *mistake.path[len(axis.path) :])
                elif (mistake.path, mistake.message) not in seen:
                    seen.add((mistake.path, mistake.message))
                    yield mistake, (*axis.source, index)


def _source(mistake: Mistake, axes: Sequence[Axis]) -> Path | None:
    for axis in axes:
        if mistake.path and _is_below(mistake.path, axis.path):
            return axis.source if mistake.at_key else (*axis.source, 0, *mistake.path[len(axis.path) :])
        if axis.source != axis.path and mistake.path and mistake.path == axis.path[: len(mistake.path)]:
            return axis.source
    return None


def _is_below(path: Path, above: Path) -> bool:
    return path[: len(above)] == above
