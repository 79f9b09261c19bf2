"""Look-ups in the tables of metrics. Cheap to import, so that plans and documentation can use it."""

from __future__ import annotations

from collections.abc import Mapping

from aifbench.metrics.tables import ACROSS, NUMBERS, PREPARATION, SPREADS, Spread
from aifbench.model.result import Declaration

FAMILIES = tuple(SPREADS)

VALUE_PREFIX = "value."
"""Columns and metrics with this prefix are numbers that the measured program printed: their names are not ours."""

VALUE_STATISTICS = ("mean", "min", "max", "p50", "p90", "p95", "p99")

_WORDS = {"mean": "mean", "min": "least", "max": "greatest"}


def spreads(family: str) -> tuple[Spread, ...]:
    """Distributions that a family has, the common ones first."""
    return SPREADS["common"] if family == "common" else SPREADS["common"] + SPREADS.get(family, ())


def spread(name: str) -> Spread:
    """The declared distribution; raises LookupError."""
    return next(row for rows in SPREADS.values() for row in rows if row.name == name)


def statistic_of(row: Spread, statistic: str) -> Declaration:
    """`ttft` and `p99` → the declaration of `ttft_p99`."""
    word = _WORDS.get(statistic, statistic)
    return Declaration(f"{row.name}_{statistic}", row.unit, row.better, f"{word} of: {row.definition}", row.source)


def declared(family: str) -> Mapping[str, Declaration]:
    """Every metric that a trial or load point of the family can have, by name, without those split by operation."""
    families = ("common",) if family == "common" else ("common", family)
    rows = [statistic_of(row, statistic) for row in spreads(family) for statistic in row.statistics]
    rows += [row for name in families for row in NUMBERS.get(name, ())]
    return {row.name: row for row in rows}


def preparation(family: str) -> Mapping[str, Declaration]:
    """What preparing data for the family may report under `metrics`."""
    families = ("common",) if family == "common" else ("common", family)
    return {row.name: row for name in families for row in PREPARATION.get(name, ())}


def split_name(name: str, known: Mapping[str, Declaration]) -> tuple[str, str]:
    """`get.response_time_p99` → (`get`, `response_time_p99`); a name without operation gives (``, name)."""
    if name in known or name.startswith(VALUE_PREFIX):
        return "", name
    operation, dot, rest = name.partition(".")
    return (operation, rest) if dot and (rest in known or rest.startswith(VALUE_PREFIX)) else ("", name)


def declaration(name: str, family: str) -> Declaration | None:
    """The declaration of any metric name, also of one split by operation or printed by the measured program."""
    known = declared(family)
    operation, plain = split_name(name, known)
    if plain.startswith(VALUE_PREFIX):
        text = "number printed by the measured program"
        return Declaration(name, "", "neither", text, "the measured program")
    row = known.get(plain) or next((row for row in ACROSS if row.name == plain), None)
    if row is None or not operation:
        return row
    return Declaration(name, row.unit, row.better, f"{row.definition} (operation {operation})", row.source)
