"""What is known beside the numbers: preparations, services, provenance, definitions. Nested facts become rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aifbench.metrics.declare import preparation
from aifbench.model.plan import Plan, Preparation
from aifbench.model.result import Declaration, RunResult
from aifbench.report.family import declaration, families, label, split_operation
from aifbench.report.scale import Scale, scale_for
from aifbench.report.sheet import Cell, Column, Sheet, absent
from aifbench.report.words import plain
from aifbench.units import format_bytes

_UNITS = {"_per_s": "1/s", "_s": "s", "_time": "s", "bytes": "bytes", "_share": "share"}


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


def placed_preparations(plan: Plan | None) -> dict[str, Preparation]:
    """Preparations by id; none without a plan."""
    return {item.id: item for stage in plan.stages for item in stage.preparations} if plan else {}


def preparations_sheet(
    result: RunResult, plan: Plan | None, workload: str = "", *, unplaced: bool = False
) -> Sheet | None:
    """One row per preparation of a workload, or of those that the plan does not place, its numbers as columns."""
    placed = placed_preparations(plan)
    chosen = {
        name: dict(flat(facts.get("metrics") or {}))
        for name, facts in result.preparations.items()
        if (name not in placed if unplaced else name in placed and placed[name].workload == workload)
    }
    told = list(dict.fromkeys(metric for numbers in chosen.values() for metric in numbers if metric))
    if not told:
        return None
    scales = {metric: _scale(result, metric, [numbers.get(metric) for numbers in chosen.values()]) for metric in told}
    columns = [Column("preparation"), Column("target")]
    columns += [
        Column(label(metric), scales[metric].unit, numeric=True, title=_title(result, metric)) for metric in told
    ]
    rows = []
    for name, numbers in chosen.items():
        reasons = result.preparations[name].get("reasons")
        why = reasons if isinstance(reasons, Mapping) else {}
        head = [Cell(name), Cell(placed[name].target if name in placed else "n/a (no plan)")]
        rows.append((*head, *(_amount(numbers, metric, scales[metric], why) for metric in told)))
    return Sheet("Preparation", tuple(columns), tuple(rows), ("Done before and outside every measured window.",))


def _title(result: RunResult, metric: str) -> str:
    declared = _declared(result, metric)
    return f"{metric}: {declared.definition}" if declared else metric


def _declared(result: RunResult, metric: str) -> Declaration | None:
    tables = (preparation(family) for family in families(result))
    return result.declarations.get(metric) or next((table[metric] for table in tables if metric in table), None)


def _scale(result: RunResult, metric: str, values: Sequence[Any]) -> Scale:
    declared = _declared(result, metric)
    unit = declared.unit if declared else next((u for end, u in _UNITS.items() if metric.endswith(end)), "")
    return scale_for(unit, [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)], metric)


def _amount(numbers: Mapping[str, Any], metric: str, scale: Scale, reasons: Mapping[str, Any]) -> Cell:
    value = numbers.get(metric)
    if value is None:
        return absent(str(reasons.get(metric) or "not measured here"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(plain(value))
    return Cell(scale.show(float(value)), sort=float(value))


def environment_sheets(result: RunResult) -> Iterator[tuple[Sheet, bool]]:
    """(table, folded): plain facts first, each nested group as its own, large groups folded."""
    nested = {key: value for key, value in result.environment.items() if _is_nested(value)}
    plain_facts = {key: value for key, value in result.environment.items() if key not in nested}
    if plain_facts:
        yield facts_sheet("This run", plain_facts), False
    for key, value in nested.items():
        sheet = facts_sheet(key.replace("_", " "), value)
        yield sheet, len(sheet.rows) > 12


def _is_nested(value: Any) -> bool:
    return bool(value) and (
        isinstance(value, Mapping) or (isinstance(value, list | tuple) and isinstance(value[0], Mapping))
    )


def definitions_sheet(result: RunResult) -> Sheet | None:
    """Every metric of the result with what it means; statistics of one distribution share a row."""
    names = sorted({split_operation(name)[1] for point in result.points for name in point.metrics})
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        grouped.setdefault(_meaning(declaration(result, name)), []).append(name)
    rows = []
    for (unit, better, definition, source), members in sorted(grouped.items(), key=lambda item: item[1][0]):
        known = Cell(definition) if definition else absent("not declared")
        rows.append((Cell(_together(members)), Cell(unit), Cell(better), known, Cell(source)))
    if not rows:
        return None
    heads = (Column("metric"), Column("unit"), Column("better"), Column("definition"), Column("source"))
    return Sheet("Definitions", heads, tuple(rows))


def _meaning(declared: Declaration | None) -> tuple[str, str, str, str]:
    """Unit, direction, definition without the statistic in front of it (`p99 of: …`), source."""
    if declared is None:
        return ("", "", "", "")
    better = {"higher": "higher", "lower": "lower", "neither": "–"}[declared.better]
    before, of, after = declared.definition.partition(" of: ")
    definition = after if of and " " not in before else declared.definition
    return (declared.unit, better, definition, declared.source)


def _together(names: Sequence[str]) -> str:
    """`ttft_p50, ttft_p99` → `ttft_… p50, p99`: the shared beginning once."""
    stem = names[0].rpartition("_")[0] + "_"
    if len(names) == 1 or not all(name.startswith(stem) for name in names):
        return ", ".join(names)
    return f"{stem}… {', '.join(name.removeprefix(stem) for name in names)}"
