"""Parquet: the rows of the CSV, typed; the file's metadata names run and schema."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.report.tidy import COLUMNS, rows, simple, varied_columns

_NUMBERS = ("value", "low", "high")
_WHOLE = ("trials", "n")


def render(result: RunResult, plan: Plan | None, recipe_text: str) -> bytes:
    """The whole file. A varied key whose values are all numbers is a column of numbers, else of text."""
    import pyarrow as pa
    from pyarrow import parquet

    found = rows(result)
    more = {name: [simple(row[name]) for row in found] for name in varied_columns(result)}
    fields = [(name, _type(pa, name)) for name in COLUMNS]
    fields += [(name, pa.float64() if _all_numbers(values) else pa.string()) for name, values in more.items()]
    data = {name: [row[name] for row in found] for name in COLUMNS}
    for name, values in more.items():
        data[name] = values if _all_numbers(values) else [None if v is None else str(v) for v in values]
    head = json.dumps({"schema": result.schema, "run": result.run, "plan_hash": result.plan_hash})
    table = pa.table(data, schema=pa.schema(fields, metadata={"aifbench": head}))
    target = io.BytesIO()
    parquet.write_table(table, target, compression="zstd")
    return target.getvalue()


def _type(pa: Any, name: str) -> Any:
    return pa.float64() if name in _NUMBERS else pa.int64() if name in _WHOLE else pa.string()


def _all_numbers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
