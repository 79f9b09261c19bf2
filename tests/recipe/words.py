"""A small vocabulary of its own, so that these tests need no real service and no real workload."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, model_validator

from aifbench import recipe
from aifbench.errors import AifbenchError, Problem, RecipeError
from aifbench.model.options import Bytes, Count, Options, Share, Sweep
from aifbench.recipe.vocabulary import Vocabulary
from aifbench.registry import unknown


class FakeTable:
    def __init__(self, kind: str, entries: Mapping[str, Any]) -> None:
        self.kind = kind
        self.entries = entries

    def names(self) -> list[str]:
        return sorted(self.entries)

    def load(self, name: str) -> Any:
        if name not in self.entries:
            raise AifbenchError(unknown(self.kind, name, self.entries))
        return self.entries[name]


class EngineOptions(Options):
    model: str = Field("tiny", description="which model")
    threads: Sweep[Count] = Field(1, description="threads that compute")
    parallel: Annotated[Count, Field(le=64)] = 4
    token: str = ""


class Engine:
    recipe_keys = EngineOptions
    summary = "An inference server"
    protocols = ("openai",)
    requires: ClassVar[Mapping[str, str]] = {"engine": ">=1"}


class ShopOptions(Options):
    size: Bytes = Field(1024, description="how large")


class Shop:
    recipe_keys = ShopOptions
    summary = "An object store"
    protocols = ("s3",)
    requires: ClassVar[Mapping[str, str]] = {}


class AddressOptions(Options):
    url: str = Field(description="its address")
    protocol: str = Field(description="what it speaks")
    attributes: dict[str, Any] = Field(default_factory=dict)


class Address:
    recipe_keys = AddressOptions
    summary = "Something that runs"
    protocols = ("openai", "s3")
    requires: ClassVar[Mapping[str, str]] = {}


class Prompts(Options):
    words: Sweep[Count] = Field(default=16, description="words per prompt")
    shared: Share = Field(default=0.0, description="share of words that all prompts begin with")


class AskOptions(Options):
    tokens: Sweep[Count] = Field(64, description="tokens to ask for")
    least: Sweep[Count] = Field(1, description="fewest tokens")
    corpus: str = Field("plain", description="what is asked")
    prompts: Prompts = Field(Prompts(), description="what prompts look like")

    @model_validator(mode="after")
    def _ordered(self) -> AskOptions:
        if isinstance(self.least, int) and isinstance(self.tokens, int) and self.least > self.tokens:
            raise ValueError(f"least is {self.least}, which is more than tokens ({self.tokens})")
        return self


class Ask:
    recipe_keys = AskOptions
    summary = "Questions"
    family = "llm"
    targets = ("openai",)
    prepared_by = ("corpus",)
    default_load: ClassVar[Mapping[str, Any]] = {}


class PutOptions(Options):
    bytes: Sweep[Bytes] = Field(description="size of an object")


class Put:
    recipe_keys = PutOptions
    summary = "Objects"
    family = "object"
    targets = ("s3",)
    prepared_by = ()
    default_load: ClassVar[Mapping[str, Any]] = {"concurrency": 2, "duration": "10s"}


class BurstKeys(Options):
    burst: Sweep[Count] = Field(10, description="operations per burst")


class Bursts:
    recipe_keys = BurstKeys
    summary = "several at once"


class Plain:
    recipe_keys = Options
    summary = "plain"


def slo_mistake(expression: str, _family: str) -> Problem | None:
    return (
        None if re.fullmatch(r"\w+ < \w+%?", expression) else Problem(f"{expression!r} is no objective", hint="x < 1")
    )


WORDS = Vocabulary(
    services=FakeTable("service", {"engine": Engine, "shop": Shop, "external": Address}),
    workloads=FakeTable("workload", {"ask": Ask, "put": Put}),
    arrivals=FakeTable("arrival", {"constant": Plain, "poisson": Plain, "closed": Plain, "bursts": Bursts}),
    slo_mistake=slo_mistake,
    estimate_bytes=lambda _name, _options: 1000,
)

GOOD = """\
name: good
services:
  llm: {uses: engine}
  s3: {uses: shop}
workloads:
  chat:
    uses: ask
    target: llm
    load: {rate_per_s: 10, duration: 30s}
"""


def checked(
    folder: Path, text: str, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> recipe.Recipe:
    file = folder / "r.yaml"
    file.write_text(text, encoding="utf-8")
    return recipe.check(recipe.load(file, overrides, environ), WORDS)


def wrong(
    folder: Path, text: str, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> list[str]:
    """Every mistake as `line:column path: message`, without the folder."""
    with pytest.raises(RecipeError) as caught:
        checked(folder, text, overrides, environ)
    return [f"{one.line}:{one.column} {one.path}: {one.message}" for one in caught.value.problems]


def with_chat(*lines: str) -> str:
    """The good recipe with other lines in its workload (line 8 is the first of them)."""
    head = GOOD[: GOOD.index("    target")]
    return head + "".join(f"    {line}\n" for line in lines)
