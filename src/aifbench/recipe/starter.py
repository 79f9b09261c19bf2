"""`aifbench recipe new`: a recipe to start from, with every key that there is and what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from aifbench.errors import AifbenchError, UsageError
from aifbench.model.options import Options
from aifbench.recipe.checker import EXTERNAL
from aifbench.recipe.key_table import key_rows
from aifbench.recipe.vocabulary import Vocabulary, WorkloadKind, fits

_HEAD = """\
# A recipe for aifbench. Lines that begin with # show further keys and their defaults.
name: {name}
description: ""
site: local
seed: 1
trials: 3
"""
_PLACEHOLDERS = {"string": "change-me", "integer": 1, "number": 1, "boolean": False, "object": {}}


def new(workloads: Sequence[str], vocabulary: Vocabulary) -> str:
    """YAML text; each workload gets a service of its own kind that it can be aimed at.

    Raises UsageError for an unknown workload.
    """
    services: dict[str, str] = {}
    lines: list[str] = []
    for name in workloads:
        kind = vocabulary.workload(name)
        entry = _free(name.partition("-")[0], [line.strip(" :") for line in lines if line.startswith("  ")])
        service = _service_for(name, kind, vocabulary)
        key = ""
        if service:
            key = next((known for known, uses in services.items() if uses == service), "")
            key = key or _free(service.replace(".", "-"), list(services))
            services[key] = service
        lines += [f"  {entry}:", *_indent(_workload(name, key, kind))]
    text = [_HEAD.format(name="-".join(workloads) or "new"), "services:" if services else "services: {}"]
    for key, uses in services.items():
        text += [f"  {key}:", f"    uses: {uses}", *_indent(_keys(vocabulary.service(uses).recipe_keys))]
    return "\n".join([*text, "", "workloads:", *lines]) + "\n"


def _free(wanted: str, taken: Sequence[str]) -> str:
    return (
        wanted if wanted not in taken else next(f"{wanted}-{n}" for n in range(2, 1000) if f"{wanted}-{n}" not in taken)
    )


def _service_for(name: str, kind: WorkloadKind, vocabulary: Vocabulary) -> str:
    """The kind of service that fits and asks for the fewest keys; one that starts something goes first."""
    if not kind.targets:
        return ""
    fitting = []
    for order, protocol in enumerate(kind.targets):
        for service in vocabulary.services.names():
            try:
                found = vocabulary.service(service)
            except AifbenchError:
                continue
            if service != EXTERNAL and fits(kind, tuple(found.protocols)):
                required = sum(field.is_required() for field in found.recipe_keys.model_fields.values())
                offers = 0 if protocol in found.protocols else 1
                fitting.append((offers, len(found.protocols) > 1, required, order, service))
    if not fitting:
        raise UsageError(f"no service is known that the workload {name} can be aimed at")
    return min(fitting)[-1]


def _workload(name: str, service: str, kind: WorkloadKind) -> Iterator[str]:
    yield f"uses: {name}"
    if service:
        yield f"target: {service}"
    yield from _keys(kind.recipe_keys)
    load = dict(kind.default_load) or {"concurrency": 4}
    load.setdefault("duration" if "operations" not in load else "operations", load.get("operations", "10s"))
    yield "load:"
    for key, value in load.items():
        yield f"  {key}: {_yaml(value)}"
    yield "  # rate_per_s: [5, 10, 20]   # open loop instead of concurrency; a list makes one load point per value"
    yield '# slo: ["response_time_p99 < 500ms", "error_rate < 1%"]'


def _keys(model: type[Options]) -> Iterator[str]:
    """Required keys with a value to change, the others as comments with their defaults."""
    words = {row.name: row.description for row in key_rows(model)}
    properties = model.model_json_schema(by_alias=True).get("properties", {})
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        comment = f"   # {words.get(name, '')}".rstrip(" #")
        if field.is_required():
            yield f"{name}: {_yaml(_example(field, properties.get(name, {})))}{comment}"
        else:
            default = field.get_default(call_default_factory=True, validated_data={})
            if isinstance(default, Options):
                default = default.model_dump(mode="json", by_alias=True)
            yield f"# {name}: {'' if default is None else _yaml(default)}{comment}"


def _example(field: FieldInfo, schema: Mapping[str, Any]) -> Any:
    if field.examples:
        return field.examples[0]
    if "enum" in schema:
        return schema["enum"][0]
    for part in (schema, *schema.get("anyOf", ())):
        if part.get("type") == "array":
            return [_example(FieldInfo(), part.get("items", {}))]
        if isinstance(part.get("type"), str):
            return _PLACEHOLDERS.get(part["type"], "change-me")
    return 1


def _yaml(value: Any) -> str:
    """On one line; JSON is YAML, and a plain word needs no quotes."""
    if isinstance(value, str) and value and all(letter.isalnum() or letter in "-_./" for letter in value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _indent(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
