"""JSON: the whole result by the codec, as the run folder's result.json; docs/result-schema.md describes every key."""

from __future__ import annotations

from typing import Any

from aifbench.model.codec import to_json
from aifbench.model.plan import Plan
from aifbench.model.result import RESULT_SCHEMA, RunResult


def render(result: RunResult, plan: Plan | None, recipe_text: str) -> str:
    return to_json(result)


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what `render` writes, made from the dataclasses themselves."""
    from pydantic import TypeAdapter

    made = TypeAdapter(RunResult).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": f"aifbench result, schema {RESULT_SCHEMA}",
    }
