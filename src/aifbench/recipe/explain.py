"""pydantic's errors → plain messages, each with the path of the value that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from aifbench.recipe.document import Path
from aifbench.registry import unknown

_SHOWN = 60


@dataclass(frozen=True)
class Mistake:
    """`path` counts from the value that was validated. `at_key`: the key itself is wrong, not its value."""

    path: Path
    message: str
    at_key: bool = False
    hint: str = ""


def shown(value: Any) -> str:
    """A value as the user would write it, cut short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def key_names(model: type[BaseModel]) -> list[str]:
    """The keys as a recipe writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def mistakes(
    error: ValidationError, raw: Any, model: type[BaseModel] | None = None, also_known: Iterable[str] = ()
) -> list[Mistake]:
    """One mistake per wrong value, in the order of the keys.

    Where a value may be of several types (one or a list) only what concerns the type that was meant is kept.
    `also_known` are further keys that are right beside the model's own, for the nearest names.
    """
    groups: dict[Path, list[tuple[Path, dict[str, Any]]]] = {}
    for detail in error.errors(include_url=False):
        path, above = _resolve(detail, raw)
        groups.setdefault(above, []).append((path, dict(detail)))
    found: list[Mistake] = []
    for above, entries in groups.items():
        found += [_mistake(path, detail, raw, model, also_known) for path, detail in _meant(entries, above, raw)]
    return list(dict.fromkeys(_joined(found)))


def _resolve(detail: Mapping[str, Any], raw: Any) -> tuple[Path, Path]:
    """The path in the user's data, and its part before the first name of a union branch (all of it if there is none).

    pydantic mixes both in `loc`; a part that is not in the data is a branch, or the name of what is missing.
    """
    path: list[str | int] = []
    above: Path | None = None
    value = raw
    loc = detail["loc"]
    for index, part in enumerate(loc):
        if (isinstance(value, Mapping) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
        ):
            path.append(part)
            value = value[part]
        elif detail["type"] == "missing" and index == len(loc) - 1:
            path.append(part)
        elif part != "[key]" and above is None:
            above = tuple(path)
    return tuple(path), tuple(path) if above is None else above


def _meant(entries: list[tuple[Path, dict[str, Any]]], above: Path, raw: Any) -> list[tuple[Path, dict[str, Any]]]:
    if len(entries) == 1:
        return entries
    value = _at(raw, above)
    shapes = {"list_type", "tuple_type", "set_type"}
    if isinstance(value, list):
        fitting = [entry for entry in entries if len(entry[0]) > len(above) or entry[1]["type"] in _ABOUT_LISTS]
    else:
        fitting = [entry for entry in entries if entry[1]["type"] not in shapes]
        if isinstance(value, Mapping):
            deeper = [entry for entry in fitting if len(entry[0]) > len(above)]
            fitting = deeper or fitting
    return fitting or entries[:1]


def _joined(found: list[Mistake]) -> list[Mistake]:
    """Several answers about one value (no branch of a union fitted) become one message."""
    by_path: dict[tuple[Path, bool], list[Mistake]] = {}
    for mistake in found:
        by_path.setdefault((mistake.path, mistake.at_key), []).append(mistake)
    return [
        same[0]
        if len({mistake.message for mistake in same}) == 1
        else Mistake(path, " or ".join(dict.fromkeys(mistake.message for mistake in same)), at_key, same[0].hint)
        for (path, at_key), same in by_path.items()
    ]


def _at(raw: Any, path: Path) -> Any:
    for part in path:
        raw = raw[part]
    return raw


def _mistake(
    path: Path, detail: Mapping[str, Any], raw: Any, model: type[BaseModel] | None, also_known: Iterable[str]
) -> Mistake:
    kind = str(detail["type"])
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        extra = also_known if len(path) == 1 else ()
        return Mistake(path, unknown("key", str(path[-1]), {*known, *extra}), at_key=True)
    if kind == "missing":
        return Mistake(path, f"the key {str(path[-1])!r} is missing", at_key=True)
    at_key = bool(detail["loc"]) and detail["loc"][-1] == "[key]"
    return Mistake(path, say(kind, detail.get("input"), detail.get("ctx", {}), str(detail["msg"])), at_key)


def _known_keys(model: type[BaseModel] | None, path: Path) -> list[str]:
    """The keys that are right at `path` below the model."""
    if model is None:
        return []
    for part in path:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:
            continue
        below = below_model(fields[str(part)].annotation)
        if below is None:
            return []
        model = below
    return key_names(model)


def below_model(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as `Prompts | None` or `list[Statement]`; None when there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = below_model(part)
        if found is not None:
            return found
    return None


_ABOUT_LISTS = {"too_short", "too_long", "value_error"}

_EXPECTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a whole number of usual size",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "string_type": lambda _: "text",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "none_required": lambda _: "nothing",
    "list_type": lambda _: "a list",
    "tuple_type": lambda _: "a list",
    "set_type": lambda _: "a list",
    "dict_type": lambda _: "`key: value` lines",
    "mapping_type": lambda _: "`key: value` lines",
    "model_type": lambda _: "`key: value` lines",
    "model_attributes_type": lambda _: "`key: value` lines",
    "literal_error": lambda ctx: f"one of {ctx['expected'].replace(' or ', ', ')}",
    "enum": lambda ctx: f"one of {ctx['expected'].replace(' or ', ', ')}",
    "greater_than": lambda ctx: f"more than {_number(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"at least {_number(ctx['ge'])}",
    "less_than": lambda ctx: f"less than {_number(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"at most {_number(ctx['le'])}",
    "multiple_of": lambda ctx: f"a multiple of {_number(ctx['multiple_of'])}",
    "string_too_short": lambda ctx: f"at least {ctx['min_length']} character{'s' * (ctx['min_length'] != 1)}",
    "string_too_long": lambda ctx: f"at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda ctx: f"text that matches {ctx['pattern']}",
    "too_short": lambda ctx: f"at least {ctx['min_length']} value{'s' * (ctx['min_length'] != 1)}",
    "too_long": lambda ctx: f"at most {ctx['max_length']} values",
}


def _number(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) and value == int(value) else str(value)


def say(kind: str, got: Any, ctx: Mapping[str, Any], fallback: str) -> str:
    """The message for one pydantic error type; a type that the table does not have is told in pydantic's words."""
    if kind in ("value_error", "assertion_error"):
        return str(ctx.get("error", fallback))
    if kind in ("string_too_long", "too_long") and "actual_length" in ctx:
        return f"got {ctx['actual_length']:,}, expected {_EXPECTED[kind](ctx)}"
    if kind in _EXPECTED:
        return f"got {shown(got)}, expected {_EXPECTED[kind](ctx)}"
    return f"got {shown(got)}: {fallback[:1].lower()}{fallback[1:]}"
