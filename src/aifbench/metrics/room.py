"""What the machine had left for the generator: file descriptors and local ports, as its workers saw them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aifbench.metrics.validity import by_limits, worst
from aifbench.metrics.view import View
from aifbench.model.result import Finding


def room_findings(view: View) -> Iterator[Finding]:
    """The worst worker's answers, where workers told."""
    looks = [(report, report.get("preflight") or {}) for report in view.workers]
    for check in (_descriptors, _ports):
        found = [item for report, look in looks if (item := check(report, look, look.get("after") or {})) is not None]
        verdict = worst(found)
        yield from [item for item in found if item.verdict is verdict][:1]


def _descriptors(_: Mapping[str, Any], look: Mapping[str, Any], after: Mapping[str, Any]) -> Finding | None:
    limit, used = look.get("descriptors"), after.get("open_descriptors")
    if not limit or used is None:
        return None
    hard = after.get("hard_descriptors") or limit
    return by_limits("descriptors", used / hard, f"{used} of {hard} file descriptors were open, {{seen}}")


def _ports(report: Mapping[str, Any], _: Mapping[str, Any], after: Mapping[str, Any]) -> Finding | None:
    """Only where connections were made during the load: others need no further port."""
    ports, busy = after.get("ports"), after.get("busy_ports")
    made = (report.get("facts") or {}).get("connects_in_load")
    if not ports or busy is None or not made:
        return None
    text = f"{busy} of {ports} local ports were taken or not free again yet, {{seen}}"
    return by_limits("ports", busy / ports, text)
