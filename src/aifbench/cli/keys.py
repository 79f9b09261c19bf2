"""Recipe keys as rows of a table: read from the JSON Schema of the pydantic models, so they cannot disagree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aifbench.model.options import Options


def key_rows(options: type[Options]) -> list[tuple[str, str, str, str]]:
    """Name, type in words, default (`required` when there is none) and description of every key, in order."""
    schema = options.model_json_schema()
    return list(_rows(schema, schema.get("$defs", {}), ""))


def _rows(schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str) -> list[tuple[str, str, str, str]]:
    rows = []
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else _value(field.get("default"))
        rows.append((prefix + name, kind(field, definitions), default, _description(field)))
        nested = _object(field, definitions)
        if nested is not None and nested.get("properties"):
            rows += _rows(nested, definitions, f"{prefix}{name}.")
    return rows


def _value(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _description(field: Mapping[str, Any]) -> str:
    text = field.get("description") or next(
        (part["description"] for part in _parts(field) if "description" in part), ""
    )
    return " ".join(str(text).split())


def _parts(field: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts: list[Mapping[str, Any]] = field.get("anyOf") or field.get("oneOf") or field.get("allOf") or []
    return parts


def _object(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if "$ref" in field:
        found: Mapping[str, Any] = definitions[field["$ref"].rpartition("/")[2]]
        return found
    inner = [_object(part, definitions) for part in _parts(field)]
    return next((part for part in inner if part is not None), None)


_WORDS = {"integer": "whole number", "boolean": "true or false", "string": "text", "object": "keys", "null": "nothing"}


def kind(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON Schema type in words: `whole number`, `duration`, `a | b`, `list of text`."""
    if "$ref" in field:
        return kind(definitions[field["$ref"].rpartition("/")[2]], definitions)
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return " | ".join(str(choice) for choice in field["enum"])
    if "x-quantity" in field:
        return str(field["x-quantity"])
    if _parts(field):
        words = [kind(part, definitions) for part in _parts(field) if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if field.get("type") == "array":
        return f"list of {kind(field.get('items', {}), definitions)}"
    return _WORDS.get(str(field.get("type")), str(field.get("type", "anything")))
