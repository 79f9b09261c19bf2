"""What a recipe may say about a service or a workload: the pydantic base class and the value types.

Each service and workload declares its keys as a subclass of `Options`; `recipe` checks the user's text against it,
the recipe reference and the JSON Schema are generated from it.
A field typed `Sweep[T]` takes one value or a list; a list makes one load point per value.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from aifbench.units import parse_bytes, parse_duration_s, parse_rate_per_s

T = TypeVar("T")

SECRET = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
"""A reference to a secret. Only the reference is ever stored; the process that uses the value reads its environment."""


_SHOWN = 60


class Options(BaseModel):
    """Base of every group of recipe keys: unknown keys are mistakes, values are not coerced between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False, validate_default=True)


def _quantity(parse: Callable[[str], float], what: str, example: str, most: tuple[float, str]) -> Callable[[Any], Any]:
    """`most`: the greatest value, and how a user would write it."""

    def read(value: Any) -> Any:
        if isinstance(value, bool | dict):
            got = "`key: value` lines" if isinstance(value, dict) else str(value).lower()
            raise ValueError(f"got {got}, expected a {what}, such as {example}")
        number = parse(value) if isinstance(value, str) else value
        if isinstance(number, int | float) and not abs(number) <= sys.float_info.max:  # NaN too
            raise ValueError(f"got {str(value)[:_SHOWN]}, expected a finite {what}, such as {example}")
        if isinstance(number, int | float) and number > most[0]:
            raise ValueError(f"got {str(value)[:_SHOWN]}, expected at most {most[1]}")
        return number

    return read


def _plain_number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError(f"got {value!r}, expected a number without quotes")
    return value


_A_YEAR_S = 366 * 86400.0
_MOST_BYTES = 1 << 60
_MOST_PER_S = 10_000_000

Duration = Annotated[
    float,
    BeforeValidator(_quantity(parse_duration_s, "duration", "30s", (_A_YEAR_S, "366d"))),
    Field(ge=0, le=_A_YEAR_S),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "x-quantity": "duration",
            "description": "a duration: 30s, 5m, 500ms; a number is seconds",
        }
    ),
]
Bytes = Annotated[
    int,
    BeforeValidator(_quantity(parse_bytes, "size", "64KiB", (_MOST_BYTES, "1024PiB"))),
    Field(ge=0, le=_MOST_BYTES),
    WithJsonSchema(
        {"type": ["string", "integer"], "x-quantity": "size", "description": "a size: 64KiB, 10MB; a number is bytes"}
    ),
]
Rate = Annotated[
    float,
    BeforeValidator(_quantity(parse_rate_per_s, "rate", "10/s", (_MOST_PER_S, "10000000/s"))),
    Field(gt=0, le=_MOST_PER_S),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "x-quantity": "rate",
            "description": "a rate: 10/s, 600/min; a number is per second",
        }
    ),
]
RateOrZero = Annotated[
    float,
    BeforeValidator(_quantity(parse_rate_per_s, "rate", "10/s", (_MOST_PER_S, "10000000/s"))),
    Field(ge=0, le=_MOST_PER_S),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "x-quantity": "rate",
            "description": "a rate, which may be 0; a number is per second",
        }
    ),
]
Count = Annotated[int, BeforeValidator(_plain_number), Field(ge=1, le=10_000_000_000)]
Whole = Annotated[int, BeforeValidator(_plain_number), Field(ge=0, le=10_000_000_000)]
Share = Annotated[float, BeforeValidator(_plain_number), Field(ge=0, le=1)]
Number = Annotated[float, BeforeValidator(_plain_number)]

Sweep = Annotated[T | Annotated[list[T], Field(min_length=1, max_length=10_000)], "sweep"]
"""One value, or a list of values that makes one load point each."""


def single(value: T | list[T]) -> T:
    """The value of a `Sweep` field in a load point, where every list has been taken apart. ValueError for a list."""
    if isinstance(value, list):
        raise ValueError(f"got a list of {len(value)} values, expected one: sweeps are taken apart by the plan")
    return value


def is_sweep(metadata: list[Any]) -> bool:
    """Whether a pydantic field's metadata marks it as `Sweep`."""
    return "sweep" in metadata


def secret_names(value: Any) -> list[str]:
    """Names of all environment variables that `${env:NAME}` references inside a nested value ask for, sorted."""
    if isinstance(value, str):
        return sorted(set(SECRET.findall(value)))
    if isinstance(value, dict):
        return sorted({name for item in value.values() for name in secret_names(item)})
    if isinstance(value, list | tuple):
        return sorted({name for item in value for name in secret_names(item)})
    return []
