"""Recipe keys as rows of a table: read from the JSON Schema of the pydantic models, so the two cannot disagree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from aifbench.model.options import Options
from aifbench.recipe.explain import below_model
from aifbench.recipe.sweep import field_sweeps


@dataclass(frozen=True)
class KeyRow:
    """`default` is `required` when there is none. Nested keys have dotted names; `sweeps` ones may be lists."""

    name: str
    type: str
    default: str
    description: str
    sweeps: bool = False


def key_rows(model: type[Options], prefix: str = "") -> list[KeyRow]:
    """Every key of the model, nested ones too, in order."""
    schema = model.model_json_schema(by_alias=True)
    return list(_rows(schema, schema.get("$defs", {}), prefix, frozenset(), model))


def _rows(
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    prefix: str,
    above: frozenset[str],
    model: type[BaseModel] | None,
) -> Iterator[KeyRow]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()} if model else {}
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        text = field.get("description") or next(
            (part["description"] for part in _parts(field) if "description" in part), ""
        )
        swept = name in fields and field_sweeps(fields[name])
        kind = type_words(field, definitions, one=swept)
        default = "required" if name in required else _shown(field.get("default"), kind)
        yield KeyRow(prefix + name, kind, default, " ".join(str(text).split()), swept)
        reference = _reference(field)
        if reference and reference not in above:
            below = below_model(fields[name].annotation) if name in fields else None
            yield from _rows(definitions[reference], definitions, f"{prefix}{name}.", above | {reference}, below)


def _shown(value: Any, kind: str) -> str:
    if value is None or value == "":
        return "–"
    if kind == "duration" and isinstance(value, int | float):
        return f"{value:g}s"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parts(field: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = field.get("anyOf") or field.get("oneOf") or field.get("allOf") or []
    return [part for part in found if part.get("type") != "null"]


def _reference(field: Mapping[str, Any]) -> str:
    own = str(field.get("$ref", "")).rpartition("/")[2]
    return own or next((found for part in _parts(field) if (found := _reference(part))), "")


_WORDS = {"integer": "whole number", "boolean": "true or false", "string": "text", "object": "keys", "null": "nothing"}


def type_words(field: Mapping[str, Any], definitions: Mapping[str, Any], *, one: bool = False) -> str:
    """A JSON Schema type in words: `whole number`, `duration`, `a, b`, `list of text`. `one`: only the first branch."""
    if "$ref" in field:
        return type_words(definitions[field["$ref"].rpartition("/")[2]], definitions)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"])
    if "x-quantity" in field:
        return str(field["x-quantity"])
    parts = _parts(field)
    if parts:
        return " or ".join(dict.fromkeys(type_words(part, definitions) for part in parts[: 1 if one else None]))
    if field.get("type") == "array":
        return f"list of {type_words(field.get('items', {}), definitions)}"
    kind = str(field.get("type", "anything"))
    return _WORDS.get(kind, kind)
