from __future__ import annotations

from typing import Any, Literal, get_args

import pytest
from pydantic import Field, ValidationError
from pydantic_core.core_schema import ErrorType

from aifbench.model.options import Count, Options, Rate, Sweep
from aifbench.recipe.explain import _EXPECTED, mistakes, shown


class Item(Options):
    weight: Count = 1


class Everything(Options):
    text: str = "x"
    short: str = Field("x", min_length=1, max_length=3)
    flag: bool = True
    choice: Sweep[Literal["a", "b"]] = "a"
    rate: Sweep[Rate] | None = None
    either: str | list[str] = "x"
    items: list[Item] = Field(default_factory=list)
    item: Item | None = None
    table: dict[str, int] = Field(default_factory=dict)
    some: list[int] = Field([1], min_length=1, max_length=2)
    even: int = Field(2, multiple_of=2)
    part: float = Field(0.5, gt=0, lt=1)


def said(**raw: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(raw)
    return [f"{'.'.join(map(str, one.path))}: {one.message}" for one in mistakes(caught.value, raw, Everything)]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"text": 5}, "text: got 5, expected text"),
        ({"short": ""}, "short: got '', expected at least 1 character"),
        ({"short": "abcd"}, "short: got 'abcd', expected at most 3 characters"),
        ({"flag": "maybe"}, "flag: got 'maybe', expected true or false"),
        ({"choice": "c"}, "choice: got 'c', expected one of 'a', 'b'"),
        ({"choice": ["a", "c"]}, "choice.1: got 'c', expected one of 'a', 'b'"),
        ({"rate": [1, -1]}, "rate.1: got -1, expected more than 0"),
        ({"rate": {}}, "rate: got `key: value` lines, expected a rate, such as 10/s"),
        ({"either": [1]}, "either.0: got 1, expected text"),
        ({"either": 1}, "either: got 1, expected text"),
        ({"items": [{"weight": 0}]}, "items.0.weight: got 0, expected at least 1"),
        ({"items": [{"wait": 1}]}, "items.0.wait: unknown key 'wait'; did you mean 'weight'? known: weight"),
        ({"items": {}}, "items: got an empty mapping, expected a list"),
        ({"item": 5}, "item: got 5, expected `key: value` lines"),
        ({"table": {"a": "b"}}, "table.a: got 'b', expected a whole number"),
        ({"table": 1.5}, "table: got 1.5, expected `key: value` lines"),
        ({"some": []}, "some: got an empty list, expected at least 1 value"),
        ({"some": [1, 2, 3]}, "some: got 3, expected at most 2 values"),
        ({"even": 3}, "even: got 3, expected a multiple of 2"),
        ({"even": 2.5}, "even: got 2.5, expected a whole number"),
        ({"part": 1}, "part: got 1, expected less than 1"),
    ],
)
def test_each_kind_of_mistake_has_one_plain_message(raw: dict[str, Any], message: str) -> None:
    assert said(**raw) == [message]


def test_several_mistakes_come_in_the_order_of_the_keys() -> None:
    assert [one.partition(":")[0] for one in said(even=1, text=1, zzz=1)] == ["text", "even", "zzz"]


def test_every_error_type_of_the_table_is_one_that_pydantic_has() -> None:
    assert set(_EXPECTED) <= set(get_args(ErrorType))


def test_long_values_are_cut_short() -> None:
    assert len(shown("x" * 500)) < 70
