"""What is known beside the numbers: preparations, services, provenance, definitions. Nested facts become rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aifbench.metrics.declare import preparation
from aifbench.model.plan import Plan
from aifbench.model.result import Declaration, RunResult
from aifbench.report.family import declaration, families, label, split_operation
from aifbench.report.scale import scale_for
from aifbench.report.sheet import Cell, Column, Sheet, absent
from aifbench.report.words import count, plain
from aifbench.units import format_bytes

_UNITS = {"_s": "s", "_bytes": "bytes", "_per_s": "1/s", "_share": "share"}


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as (dotted path, leaf); lists of plain values stay one leaf."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from flat(item, f"{path}[{index}]")
    else:
        yield path, value


def facts_sheet(caption: str, facts: Any) -> Sheet:
    rows = tuple((Cell(path), _leaf(path, value)) for path, value in flat(facts))
    return Sheet(caption, (Column("key"), Column("value")), rows)


def _leaf(path: str, value: Any) -> Cell:
    if value is None or value == "":
        return Cell("n/a (not told)", tone="muted")
    if path.endswith("_bytes") and isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(f"{format_bytes(value)}", note=f"{value:.0f} bytes" if value >= 1024 else "", sort=float(value))
    if isinstance(value, list | tuple | dict) and not value:
        return Cell("none", tone="muted")
    return Cell(plain(value))


def preparations_sheet(result: RunResult, plan: Plan | None, workloads: set[str] | None = None) -> Sheet | None:
    """Numbers of each preparation (`metrics` of its facts), with the load points that use it where the plan tells."""
    rows = []
    for name, facts in result.preparations.items():
        if workloads is not None and _workload(name, plan) not in workloads:
            continue
        users = [point.id for point in plan.points() if point.preparation == name] if plan else []
        told = facts.get("metrics")
        for metric, value in flat(told if isinstance(told, Mapping) else {}):
            declared = _declared(result, metric)
            unit = declared.unit if declared else next((u for end, u in _UNITS.items() if metric.endswith(end)), "")
            head = Cell(name, note=f"used by {count(len(users), 'load point')}" if users else "")
            rows.append((head, Cell(label(metric)), *_amount(metric, value, unit)))
    if not rows:
        return None
    heads = (Column("preparation"), Column("fact"), Column("value", numeric=True), Column("unit"))
    return Sheet("Preparation", heads, tuple(rows), ("Done before and outside every measured window.",))


def _declared(result: RunResult, metric: str) -> Declaration | None:
    tables = (preparation(family) for family in families(result))
    return result.declarations.get(metric) or next((table[metric] for table in tables if metric in table), None)


def _amount(metric: str, value: Any, unit: str) -> tuple[Cell, Cell]:
    if value is None:
        return absent("not measured"), Cell("")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(plain(value)), Cell("")
    scale = scale_for(unit, [float(value)], metric)
    return Cell(scale.show(float(value)), sort=float(value)), Cell(scale.unit)


def _workload(preparation: str, plan: Plan | None) -> str:
    if plan is None:
        return ""
    found = [item.workload for stage in plan.stages for item in stage.preparations if item.id == preparation]
    return found[0] if found else ""


def placed_preparations(plan: Plan | None) -> dict[str, str]:
    """Preparation → its workload."""
    return {item.id: item.workload for stage in plan.stages for item in stage.preparations} if plan else {}


def environment_sheets(result: RunResult) -> Iterator[tuple[Sheet, bool]]:
    """(table, folded): plain facts first, each nested group as its own, large groups folded."""
    plain = {key: value for key, value in result.environment.items() if not isinstance(value, dict | list)}
    if plain:
        yield facts_sheet("This run", plain), False
    for key, value in result.environment.items():
        if isinstance(value, dict | list) and value:
            sheet = facts_sheet(key.replace("_", " "), value)
            yield sheet, len(sheet.rows) > 12


def definitions(result: RunResult) -> list[tuple[str, Declaration | None]]:
    """Every metric of the result once, with what it means; quantiles of one declaration share it."""
    names = {split_operation(name)[1] for point in result.points for name in point.metrics}
    return sorted((name, declaration(result, name)) for name in names)


def definitions_sheet(result: RunResult) -> Sheet | None:
    rows = []
    for name, declared in definitions(result):
        if declared is None:
            rows.append((Cell(name), Cell(""), Cell(""), absent("not declared"), Cell("")))
        else:
            better = {"higher": "higher", "lower": "lower", "neither": "–"}[declared.better]
            rows.append(
                (Cell(name), Cell(declared.unit), Cell(better), Cell(declared.definition), Cell(declared.source))
            )
    if not rows:
        return None
    heads = (Column("metric"), Column("unit"), Column("better"), Column("definition"), Column("source"))
    return Sheet("Definitions", heads, tuple(rows))
