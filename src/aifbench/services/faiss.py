"""Faiss runs inside each worker process: no server, the bound that vector databases are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aifbench.model.options import Options
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services.base import Service
from aifbench.services.installed import missing_modules, versions


class FaissOptions(Options):
    pass


class Faiss(Service):
    recipe_keys = FaissOptions
    summary = "Faiss index in the worker's own process (the bound for vector databases)"
    protocols = ("faiss",)
    extra = "faiss"
    requires: ClassVar[Mapping[str, str]] = {"faiss-cpu": ">=1.11"}
    options: FaissOptions

    def missing(self) -> list[str]:
        return missing_modules("faiss")

    def process(self, where: Where) -> None:
        return None

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        return (Endpoint("faiss", "inproc://faiss"),)

    def probe(self, where: Where) -> Probe:
        return Probe("none")

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        return {"version": versions(self.requires).get("faiss-cpu")}
