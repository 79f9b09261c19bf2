"""The JSON Schema of recipes (2020-12), so that editors complete and check while one types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aifbench.errors import AifbenchError
from aifbench.model.options import Options
from aifbench.recipe.keys import NAME_PATTERN, LoadKeys, RecipeKeys, ServiceKeys, WorkloadKeys
from aifbench.recipe.vocabulary import Names, Vocabulary

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def schema(vocabulary: Vocabulary) -> dict[str, Any]:
    """Keys, types, limits and descriptions, with one branch per kind of service and workload.

    A recipe that includes another may leave required keys to it; then they are not asked for.
    """
    whole = _Schema()
    top = whole.properties(RecipeKeys)
    services = _kinds(vocabulary.services, whole, whole.properties(ServiceKeys), "service")
    workload_keys = whole.properties(WorkloadKeys)
    workload_keys["load"] = _load(vocabulary, whole, str(workload_keys["load"].get("description", "")))
    workloads = _kinds(vocabulary.workloads, whole, workload_keys, "workload")
    for group, entry in (("services", services), ("workloads", workloads)):
        top[group] = _named(entry, str(top[group].get("description", "")))
    complete = {"additionalProperties": {"required": ["uses"]}}
    return {
        "$schema": DIALECT,
        "title": "aifbench recipe",
        "type": "object",
        "properties": top,
        "additionalProperties": False,
        "if": {"not": {"required": ["include"]}},
        "then": {"required": ["workloads"], "properties": {"services": complete, "workloads": complete}},
        "$defs": whole.definitions,
    }


def _named(entry: dict[str, Any], description: str) -> dict[str, Any]:
    """A mapping from names of the user's choice to entries."""
    return {
        "description": description,
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": entry,
    }


class _Schema:
    """Collects the definitions of nested models under names that cannot meet."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def whole(self, model: type[Options]) -> dict[str, Any]:
        owner = f"{model.__module__}.{model.__qualname__}"
        made = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{owner}.{{model}}")
        for name, definition in made.pop("$defs", {}).items():
            self.definitions[f"{owner}.{name}"] = _plain(definition)
        plain: dict[str, Any] = _plain(made)
        return plain

    def properties(self, model: type[Options]) -> dict[str, Any]:
        found: dict[str, Any] = self.whole(model).get("properties", {})
        return found


def _plain(value: Any) -> Any:
    """Without the titles that pydantic invents, limits by their JSON Schema names, and `nothing` as no value."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        if key == "title" and isinstance(item, str):
            continue
        if key == "properties" and isinstance(item, Mapping):
            made[key] = {name: _plain(field) for name, field in item.items()}
        elif key in _LIMITS and isinstance(item, int | float):
            made[_LIMITS[key]] = item
        elif key in ("default", "enum", "const", "examples"):
            made[key] = item
        else:
            made[key] = _plain(item)
    return made


def _load(vocabulary: Vocabulary, whole: _Schema, description: str) -> dict[str, Any]:
    own = whole.properties(LoadKeys)
    names = vocabulary.arrivals.names()
    shapes = {name: whole.properties(vocabulary.shape_keys(name)) for name in names}
    one = {"enum": names}
    own["arrival"] = {
        **own["arrival"],
        "anyOf": [one, {"type": "array", "items": one, "minItems": 1}, {"type": "null"}],
    }
    every = {key: field for shape in shapes.values() for key, field in shape.items()}
    return {
        "description": description,
        "type": "object",
        "properties": {**every, **own},
        "additionalProperties": False,
    }


def _kinds(names: Names[Any], whole: _Schema, common: dict[str, Any], what: str) -> dict[str, Any]:
    """One entry: `uses` decides which further keys there are."""
    branches = []
    known = []
    for name, kind in _importable(names):
        own = whole.whole(kind.recipe_keys)
        key = f"{what}:{name}"
        known.append({"const": name, "description": kind.summary})
        whole.definitions[key] = {
            "description": kind.summary,
            "properties": {**own.get("properties", {}), **common, "uses": {"const": name}},
            "required": own.get("required", []),
            "additionalProperties": False,
        }
        branches.append(
            {
                "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
                "then": {"$ref": f"#/$defs/{key}"},
            }
        )
    uses = {**common["uses"], "oneOf": known}
    return {"type": "object", "properties": {**common, "uses": uses}, "allOf": branches}


def _importable(names: Names[Any]) -> Iterable[tuple[str, Any]]:
    for name in names.names():
        try:
            kind = names.load(name)
        except AifbenchError:
            continue  # a plugin that cannot be imported is no reason to have no schema
        yield name, kind
