"""What workloads found in their data after the last trial: what must still be true of it, and what the server did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.report.facts import flat, placed_preparations
from aifbench.report.family import label
from aifbench.report.scale import scale_for
from aifbench.report.sheet import Cell, Column, Sheet, absent
from aifbench.report.words import plain

_INVARIANTS = "invariants"
_HELD = {True: Cell("holds", tone="ok"), False: Cell("broken", tone="bad"), None: absent("not checked")}


def checks_sheet(result: RunResult, plan: Plan | None, workload: str = "", *, unplaced: bool = False) -> Sheet | None:
    """Of a workload's preparations, or of those that the plan does not place; None when nothing was looked at."""
    placed = placed_preparations(plan)
    rows = tuple(
        (Cell(name), *row)
        for name, found in result.checks.items()
        if (name not in placed if unplaced else name in placed and placed[name].workload == workload)
        for row in _rows(found)
    )
    if not rows:
        return None
    note = "Looked at once, after the last trial; what the server counted is since the preparation."
    return Sheet("Checks after the last trial", (Column("preparation"), Column("what"), Column("found")), rows, (note,))


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[Cell, Cell]]:
    for sentence, held in dict(found.get(_INVARIANTS) or {}).items():
        yield Cell(sentence), _HELD[held if isinstance(held, bool) else None]
    for path, value in flat({key: value for key, value in found.items() if key != _INVARIANTS}):
        if path:
            yield Cell(label(path).replace(".", " ")), _told(path, value)


def _told(path: str, value: Any) -> Cell:
    if value is None:
        return absent("not told")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(plain(value))
    unit = "bytes" if "bytes" in path else "share" if path.endswith("_share") else ""
    scale = scale_for(unit, [value])
    return Cell(f"{scale.show(float(value))} {scale.unit}".strip(), sort=float(value))
