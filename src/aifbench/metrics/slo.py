"""Service level objectives: `ttft_p99 < 500ms`, `error_rate < 1%`, `get.response_time_p99 < 20ms`.

An expression is judged on the metrics of a load point (the median over its trials). One on a latency also gives a
limit for each single operation, which decides what is good in goodput; see `limits`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aifbench.errors import Problem, RecipeError
from aifbench.metrics.declare import VALUE_PREFIX, declaration, declared, split_name, spreads
from aifbench.model.result import Declaration, Metric, SloVerdict
from aifbench.registry import nearest
from aifbench.units import format_duration, parse_bytes, parse_duration_s, parse_rate_per_s, significant

_FORM = re.compile(r"\s*(?P<name>[^\s<>=!]+)\s*(?P<comparison><=|>=|==|!=|=|<|>|≤|≥)\s*(?P<limit>.+?)\s*")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXAMPLE = "write metric, comparison and limit, such as 'response_time_p99 < 500ms' or 'error_rate < 1%'"


@dataclass(frozen=True)
class Slo:
    """A parsed expression. `limit` is in the metric's own unit: seconds, operations per second, a share, bytes/s."""

    expression: str
    metric: str
    operation: str
    comparison: str
    limit: float
    unit: str

    @property
    def name(self) -> str:
        return f"{self.operation}.{self.metric}" if self.operation else self.metric


@dataclass(frozen=True)
class Limit:
    """What one operation must keep to be good: its value of `spread` compared with `limit_s`.

    `operation` restricts it to operations of one kind; empty means all.
    """

    spread: str
    operation: str
    comparison: str
    limit_s: float


def known_metrics(family: str) -> list[str]:
    """Names that an expression may use, sorted; each may be written for one kind of operation: `get.<name>`."""
    return sorted(declared(family))


def parse_slo(expression: str, family: str) -> Slo:
    """Raises RecipeError with one problem (without a place) that says what would be right."""
    name, comparison, limit = parse_form(expression)
    row = declaration(name, family)
    known = declared(family)
    operation, plain = split_name(name, known)
    if row is None or (plain not in known and not plain.startswith(VALUE_PREFIX)):
        raise _unknown_metric(name, family)
    if (row.better == "lower" and comparison.startswith(">")) or (
        row.better == "higher" and comparison.startswith("<")
    ):
        flipped = comparison.replace(">", "<") if comparison.startswith(">") else comparison.replace("<", ">")
        raise _mistake(
            f"{expression!r}: {row.better} is better for {name}, so the objective would reward the worse result",
            f"write '{name} {flipped} {limit}'",
        )
    try:
        value = parse_limit(limit, row.unit)
    except ValueError as error:
        raise _mistake(f"{expression!r}: limit of {name}: {error}", "") from error
    return Slo(expression.strip(), plain, operation, comparison, value, row.unit)


def parse_form(expression: str) -> tuple[str, str, str]:
    """Metric, comparison and limit as written, whatever the family. Raises RecipeError like `parse_slo`."""
    match = _FORM.fullmatch(expression)
    if match is None:
        raise _mistake(f"{expression!r} is not an objective", _EXAMPLE)
    comparison = {"≤": "<=", "≥": ">="}.get(match["comparison"], match["comparison"])
    if comparison not in _COMPARE:
        raise _mistake(f"{expression!r}: unknown comparison {comparison!r}; known: <, <=, >, >=", _EXAMPLE)
    return match["name"], comparison, match["limit"]


def parse_limit(text: str, unit: str) -> float:
    """A limit in the metric's unit; raises ValueError that names the form."""
    if unit == "s":
        value = parse_duration_s(text)
    elif unit == "share" and text.endswith("%"):
        value = _number(text[:-1], "a percentage, such as 1%") / 100
    elif unit == "share":
        value = _number(text, "a share between 0 and 1 or a percentage, such as 0.01 or 1%")
    elif unit in {"1/s", "tokens/s"} and "/" in text:
        value = parse_rate_per_s(text)
    elif unit == "bytes/s" and "/" in text:
        value = float(parse_bytes(text.removesuffix("/s")))
    elif unit == "bytes/s":
        value = _number(text, "a bandwidth, such as 100MiB/s")
    elif unit == "bytes" and not text[-1:].isdigit():
        value = float(parse_bytes(text))
    else:
        value = _number(text, "a number")
    if unit == "share" and not 0 <= value <= 1:
        raise ValueError(f"{text!r} is outside of 0 to 1 (0 % to 100 %)")
    return value


def judge(slo: Slo, metrics: Mapping[str, Metric]) -> SloVerdict:
    """Met, missed, or (`met` None) not decidable because the metric could not be measured."""
    limit = f"{slo.comparison} {format_value(slo.limit, slo.unit)}"
    metric = metrics.get(slo.name)
    if metric is None or metric.value is None:
        why = metric.reason if metric is not None else "not measured at this load point"
        return SloVerdict(slo.expression, None, None, f"{slo.name} {limit}: n/a ({why})")
    met = _COMPARE[slo.comparison](metric.value, slo.limit)
    word = "met" if met else "missed"
    seen = format_value(metric.value, slo.unit)
    return SloVerdict(slo.expression, met, metric.value, f"{slo.name} {limit}: {word}, {seen}")


def limits(slos: Iterable[Slo], family: str) -> tuple[Limit, ...]:
    """The limits that each single operation must keep to count as good.

    Taken from the objectives on distributions in which every operation has one value (`response_time`, `ttft`,
    `tpot`, …) whatever the statistic; where several objectives concern the same distribution, the loosest one holds
    (with `p50 < 100ms` and `p99 < 500ms` an operation of 300 ms is good). Others (`icl`, `throughput`) give none.
    """
    found: dict[tuple[str, str], Limit] = {}
    per_operation = [row.name for row in spreads(family) if row.per_operation]
    for slo in slos:
        name = slo.metric.rpartition("_")[0]
        if name not in per_operation or slo.comparison not in {"<", "<="}:
            continue
        key = (slo.operation, name)
        if key not in found or found[key].limit_s < slo.limit:
            found[key] = Limit(name, slo.operation, slo.comparison, slo.limit)
    return tuple(found.values())


def format_value(value: float, unit: str) -> str:
    """A number with its unit, for messages."""
    if unit == "s":
        return format_duration(value)
    if unit == "share":
        return f"{significant(value * 100)} %"
    if unit == "bytes/s":
        return f"{significant(value / 2**20)} MiB/s"
    if unit == "1/s":
        return f"{significant(value)}/s"
    return f"{significant(value)} {unit}".rstrip()


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {what}") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not {what}")
    return value


def _mistake(message: str, hint: str) -> RecipeError:
    return RecipeError([Problem(message, hint=hint)])


def _unknown_metric(name: str, family: str) -> RecipeError:
    known = declared(family)
    operation, dot, plain = name.partition(".")
    prefixed = [f"{operation}.{other}" for other in nearest(plain, known)] if dot else []
    close = prefixed or nearest(name, known)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    groups = [f"{row.name}_{{{','.join(row.statistics)}}}" for row in spreads(family)]
    names = ", ".join(groups + _single_numbers(known, family))
    hint = f"metrics of {family} workloads: {names}; for one operation: <operation>.<metric>"
    return _mistake(f"unknown metric {name!r}{guess}", hint)


def _single_numbers(known: Mapping[str, Declaration], family: str) -> list[str]:
    expanded = {f"{row.name}_{statistic}" for row in spreads(family) for statistic in row.statistics}
    return [name for name in known if name not in expanded]
