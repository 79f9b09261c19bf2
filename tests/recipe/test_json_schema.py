from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aifbench import recipe
from tests.recipe.words import GOOD, WORDS, with_chat

SCHEMA = recipe.schema(WORDS)


def complaints(folder: Path, text: str) -> list[str]:
    file = folder / "r.yaml"
    file.write_text(text, encoding="utf-8")
    data: Any = recipe.load(file).data
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(data)]


def test_the_schema_is_a_schema_of_its_dialect() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        with_chat("target: [llm]", "tokens: [1, 2]", "prompts: {words: [3]}", "load: {concurrency: [1]}", "trials: 2"),
        with_chat("target: {url: http://x, protocol: openai}", "load: {arrival: [bursts], rate_per_s: 10/s, burst: 2}"),
        GOOD + "matrix: {workloads.chat.tokens: [1, 2]}",
    ],
)
def test_a_good_recipe_fits_the_schema(tmp_path: Path, text: str) -> None:
    assert complaints(tmp_path, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "name: x",
        GOOD + "nam: x",
        GOOD.replace("engine", "engin"),
        GOOD.replace("engine", "engine, thread: 1"),
        GOOD.replace("engine", "engine, threads: 0"),
        GOOD.replace("engine", "engine, parallel: 65"),
        GOOD.replace("uses: engine", "parallel: 3"),
        with_chat("target: llm", "load: {rate: 1}"),
        with_chat("target: llm", "load: {arrival: poison}"),
        with_chat("target: llm", "prompts: {shared: 2}"),
        with_chat("target: llm", "slo: 5"),
    ],
)
def test_a_wrong_recipe_does_not_fit_the_schema(tmp_path: Path, text: str) -> None:
    assert complaints(tmp_path, text)


def test_each_kind_completes_its_own_keys_with_their_descriptions() -> None:
    engine = SCHEMA["$defs"]["service:engine"]["properties"]
    assert engine["threads"]["description"] == "threads that compute"
    assert "ready_timeout" in engine
    assert "size" not in engine


def test_a_recipe_that_includes_another_may_leave_keys_to_it() -> None:
    part = {"include": "base.yaml", "workloads": {"chat": {"trials": 5}}}
    assert not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(part))
