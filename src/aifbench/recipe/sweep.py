"""Which values make several load points: lists in fields typed `Sweep`, and matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aifbench.model.options import is_sweep
from aifbench.recipe.document import Path
from aifbench.recipe.explain import below_model


@dataclass(frozen=True)
class Axis:
    """One thing that varies. `path` is absolute in the recipe; `source` is where its values were written."""

    path: Path
    values: tuple[Any, ...]
    source: Path


def field_sweeps(field: FieldInfo) -> bool:
    """Whether a list in this field makes one load point per value, also for `Sweep[T] | None`."""
    return is_sweep(field.metadata) or _marked(field.annotation)


def _marked(annotation: Any) -> bool:
    if is_sweep(list(getattr(annotation, "__metadata__", ()))):
        return True
    return any(_marked(part) for part in getattr(annotation, "__args__", ()) if not isinstance(part, str))


def list_axes(model: type[BaseModel], raw: Mapping[str, Any], path: Path) -> Iterator[Axis]:
    """The lists that sweep, in the order in which the user wrote them; also inside nested groups of keys."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for key, value in raw.items():
        field = fields.get(key)
        if field is None:
            continue
        below = below_model(field.annotation)
        if isinstance(value, list) and field_sweeps(field):
            yield Axis((*path, key), tuple(value), (*path, key))
        elif isinstance(value, Mapping) and below is not None:
            yield from list_axes(below, value, (*path, key))


def nested_lists(model: type[BaseModel], raw: Mapping[str, Any]) -> list[Path]:
    """Sweeping fields that still hold a list although every axis has been given one value."""
    return [axis.path for axis in list_axes(model, raw, ()) if axis.values]


def put(data: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The data with another value at `path`; what lies on other paths is shared, not copied."""
    key = str(path[0])
    if len(path) == 1:
        return {**data, key: value}
    below = data.get(key)
    return {**data, key: put(below if isinstance(below, Mapping) else {}, path[1:], value)}
