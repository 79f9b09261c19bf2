"""A run's journal as lines for people: one line per event that a user wants to know of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aifbench.runner.state import reason_of
from aifbench.store.journal import Event
from aifbench.units import format_duration


def line(event: Event) -> str:
    """Empty for events that are bookkeeping only (processes)."""
    family, _, what = event.kind.partition("-")
    data = event.data
    name = next((str(data[key]) for key in (family, "name", "run") if key in data), "")
    text = _WORDS.get(event.kind, "")
    if event.kind == "problem" or family == "problem":
        return f"problem: {data.get('text', '')}"
    if family == "remedy":
        return _remedy(data)
    if not text:
        return ""
    seconds = data.get("seconds", data.get("ready_s", data.get("wall_s")))
    took = f" after {format_duration(float(seconds))}" if isinstance(seconds, int | float) else ""
    words = reason_of(f"{family} {name}", event).splitlines()
    reason = f": {words[0]}" if words and what not in ("started", "ready") else ""
    return f"{family} {name} {text}{took}{reason}".replace("  ", " ")


_WORDS = {
    "run-created": "created",
    "run-started": "started",
    "run-interrupted": "interrupted",
    "run-reopened": "is done again where it failed",
    "run-finished": "finished",
    "stage-started": "started",
    "service-starting": "starting",
    "service-ready": "ready",
    "service-kept": "kept up",
    "service-stopped": "stopped",
    "service-failed": "failed",
    "service-died": "is gone",
    "preparation-started": "started",
    "preparation-finished": "finished",
    "preparation-failed": "failed",
    "preparation-checking": "being checked",
    "preparation-checked": "checked",
    "preparation-cleaned": "cleaned up",
    "result-starting": "being made",
    "result-written": "written",
    "trial-started": "started",
    "trial-finished": "finished",
    "trial-failed": "failed",
    "trial-interrupted": "interrupted",
}


def _remedy(data: Mapping[str, Any]) -> str:
    trial, seen = data.get("trial"), data.get("seen")
    if data.get("why_not"):
        return f"remedy: none for {trial}, whose limit was the generator ({seen}): {data['why_not']}"
    number = f"{data.get('workers')} workers instead of {data.get('before')}"
    return f"remedy: {data.get('point')} goes on with {number}; the limit of {trial} was the generator: {seen}"


def stamped(event: Event) -> str:
    """The line with the time of day before it (UTC), or an empty string."""
    text = line(event)
    return f"{event.t[11:19]}  {text}" if text else ""
