"""Short sentences about a run: its verdict, what a load point varied, where it ran."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from aifbench.model.plan import Plan
from aifbench.model.result import PointResult, RunResult, SloVerdict, Validity
from aifbench.report.sheet import Cell, Tone
from aifbench.units import format_duration

VALIDITY_TONE: Mapping[Validity, Tone] = {Validity.VALID: "ok", Validity.DEGRADED: "warn", Validity.INVALID: "bad"}
_MARK = {"ok": "✓", "warn": "▲", "bad": "✗", "muted": "·", "": ""}


def marked(words: str, tone: Tone) -> Cell:
    """A verdict: a sign, a word and a tone, so that colour is never the only carrier."""
    return Cell(f"{_MARK[tone]} {words}".strip(), tone=tone)


def validity_cell(validity: Validity) -> Cell:
    return marked(validity.value, VALIDITY_TONE[validity])


def slo_state(verdict: SloVerdict) -> tuple[str, Tone]:
    if verdict.met is None:
        return "not measured", "warn"
    return ("met", "ok") if verdict.met else ("not met", "bad")


def slo_cell(verdicts: Iterable[SloVerdict]) -> Cell:
    """`✓ 2/2 met`; an expression that could not be measured counts as not met and is said."""
    all_of = list(verdicts)
    if not all_of:
        return Cell("none set", tone="muted")
    met = sum(verdict.met is True for verdict in all_of)
    unknown = sum(verdict.met is None for verdict in all_of)
    tone: Tone = "ok" if met == len(all_of) else "bad" if met + unknown < len(all_of) else "warn"
    note = f"{unknown} not measured" if unknown else ""
    cell = marked(f"{met}/{len(all_of)} met", tone)
    return Cell(cell.text, sort=met / len(all_of), note=note, tone=tone, title="; ".join(v.text for v in all_of))


def plain(value: Any) -> str:
    """A recipe value as its writer would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(plain(item) for item in value) + "]"
    return str(value)


def varied(point: PointResult) -> str:
    """`rate_per_s=2, ef_search=64`: the last word of each key, which the table's row has room for.

    The target is left out: it has a column of its own.
    """
    return _settings({key: value for key, value in point.varied.items() if key != "target"})


def varied_load(point: PointResult) -> str:
    """The part of what was varied that sets the load."""
    return _settings({key: value for key, value in point.varied.items() if _is_load(key)})


def varied_work(point: PointResult) -> str:
    """The part of what was varied that sets neither the load nor the target."""
    return _settings({key: value for key, value in point.varied.items() if not _is_load(key) and key != "target"})


def _is_load(key: str) -> bool:
    return key.startswith("load.") or ".load." in key


def _settings(chosen: Mapping[str, Any]) -> str:
    keys = [key.rpartition(".")[2] for key in chosen]
    names = [short if keys.count(short) == 1 else key for short, key in zip(keys, chosen, strict=True)]
    return ", ".join(f"{name}={plain(value)}" for name, value in zip(names, chosen.values(), strict=True))


def count(number: int, one: str, many: str = "") -> str:
    """`1 trial`, `3 trials`; thousands grouped by a narrow space from 10,000 on."""
    written = f"{number:,}".replace(",", "\u202f") if number >= 10_000 else str(number)
    return f"{written} {one if number == 1 else many or one + 's'}"


def verdict(result: RunResult) -> str:
    """One line: how it ended, what is valid and what is not, and which SLOs hold."""
    total = len(result.points)
    parts = [f"{count(total, 'load point')}:"] if total else ["No load point has a result."]
    named = []
    for validity in Validity:
        of_it = [point.point for point in result.points if point.validity is validity]
        if of_it:
            names = "" if validity is Validity.VALID else f" ({', '.join(of_it[:4])}{', …' if len(of_it) > 4 else ''})"
            named.append(f"{len(of_it)} {validity.value}{names}")
    if named:
        parts.append(", ".join(named) + ".")
    return " ".join([*parts, slo_sentence(result)]).strip()


def slo_sentence(result: RunResult) -> str:
    verdicts = [slo for point in result.points for slo in point.slo]
    if not verdicts:
        return "No SLO was set." if result.points else ""
    met = sum(slo.met is True for slo in verdicts)
    unknown = sum(slo.met is None for slo in verdicts)
    words = f"{met} of {count(len(verdicts), 'SLO')} met"
    return f"{words}, {unknown} could not be measured." if unknown else f"{words}."


def lasted(result: RunResult) -> str:
    """From the first to the last journal entry; empty where one of the two is not a time."""
    try:
        begun, over = (datetime.fromisoformat(moment) for moment in (result.started, result.ended))
    except ValueError:
        return ""
    return format_duration((over - begun).total_seconds())


def moment(stamp: str) -> str:
    """RFC 3339 without fractions of a second: `2026-11-21 14:15:00 UTC`."""
    try:
        return datetime.fromisoformat(stamp).strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    except ValueError:
        return stamp or "n/a (not recorded)"


def place(result: RunResult, plan: Plan | None) -> str:
    """Host, and site and executor of the plan."""
    environment = result.environment
    host = next((str(environment[key]) for key in ("host", "hostname", "node") if environment.get(key)), "")
    parts = [host, f"site {plan.site}, executor {plan.executor}" if plan else ""]
    return ", ".join(part for part in parts if part) or "n/a (not recorded)"


def command(plan: Plan | None) -> str:
    """What to type to do the run again from its stored recipe, which has every override in it."""
    site = ["--site", plan.site] if plan and plan.site != "local" else []
    return shlex.join(["aifbench", "run", "recipe.yaml", *site])


def service_title(name: str, facts: Mapping[str, Any]) -> str:
    """`db: postgres 18.6`."""
    told = " ".join(str(facts[key]) for key in ("uses", "version") if facts.get(key))
    return f"{name}: {told}" if told else name
