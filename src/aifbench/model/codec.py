"""Frozen dataclasses ↔ JSON, by pydantic: the one way in which plans, results and journal records are stored."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_data(value: Any) -> Any:
    """Plain JSON types: dicts, lists, strings, numbers, None. NaN and infinity become None."""
    return _adapter(type(value)).dump_python(value, mode="json")


def from_data(kind: type[T], data: Any) -> T:
    """The dataclass again; raises pydantic.ValidationError when the data does not fit."""
    found: T = _adapter(kind).validate_python(data)
    return found


def to_json(value: Any, *, indent: int | None = 1) -> str:
    """Canonical text: sorted keys, so that equal values give equal bytes."""
    data = value if isinstance(value, dict | list) else to_data(value)
    return json.dumps(data, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def content_hash(value: Any) -> str:
    """`sha256:` and the first 16 hexadecimal digits over the canonical text."""
    return "sha256:" + hashlib.sha256(to_json(value, indent=None).encode()).hexdigest()[:16]
