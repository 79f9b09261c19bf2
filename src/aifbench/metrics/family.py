"""What a family of workloads adds to the common metrics, and the table of families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from aifbench.metrics.spread import Values
from aifbench.metrics.view import View
from aifbench.model.result import Finding, Metric

_MODULES = {
    "llm": "aifbench.metrics.llm:Llm",
    "vector": "aifbench.metrics.vector:Vector",
    "sql": "aifbench.metrics.sql:Sql",
    "object": "aifbench.metrics.object:Object",
    "http": "aifbench.metrics.http:Http",
    "grpc": "aifbench.metrics.grpc:Grpc",
    "file": "aifbench.metrics.file:File",
    "command": "aifbench.metrics.command:Command",
}


class Family:
    """The family without metrics of its own; others override what they add. Everything is computed from the view."""

    def values(self, view: View) -> Sequence[Values]:
        """Distributions, in the order of the family's table."""
        return ()

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        """Single numbers. `metrics` holds what has been computed so far."""
        return ()

    def series(self, view: View) -> Mapping[str, Any]:
        """What charts draw beside the common series; shapes are documented in `metrics.series`."""
        return {}

    def findings(self, view: View) -> Sequence[Finding]:
        """Answers of the family's own validity checks."""
        return ()

    generator_is_target = False
    """True when the measured work is done by the worker process itself, so that its CPU time is no limit."""


def family_of(name: str) -> Family:
    """The family's code; a family that is in no table has only the common metrics."""
    place = _MODULES.get(name)
    if place is None:
        return Family()
    module, _, attribute = place.partition(":")
    found: type[Family] = getattr(import_module(module), attribute)
    return found()
