"""CSV (RFC 4180, UTF-8): one row per load point and metric; an empty field is a value that does not exist."""

from __future__ import annotations

import csv
import io

from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.report.tidy import COLUMNS, rows, simple, varied_columns


def render(result: RunResult, plan: Plan | None, recipe_text: str) -> str:
    """Numbers keep all their digits."""
    target = io.StringIO()
    writer = csv.DictWriter(target, fieldnames=[*COLUMNS, *varied_columns(result)], lineterminator="\r\n")
    writer.writeheader()
    for row in rows(result):
        writer.writerow({key: simple(value) for key, value in row.items()})
    return target.getvalue()
