"""Chroma's own server (`chroma run`), REST API v2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from aifbench.model.options import Options
from aifbench.model.paths import LocalPath
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services import ask, symptoms
from aifbench.services.base import Service
from aifbench.services.installed import missing_modules, missing_programs, program, versions


class ChromaOptions(Options):
    data_dir: LocalPath = Field("", description="folder of its data; the service's own folder in the run when empty")


class Chroma(Service):
    recipe_keys = ChromaOptions
    summary = "Chroma vector database server"
    protocols = ("chroma",)
    ports = ("http",)
    extra = "chroma"
    requires: ClassVar[Mapping[str, str]] = {"chromadb": ">=1.5"}
    options: ChromaOptions

    def missing(self) -> list[str]:
        return missing_modules("chromadb") or missing_programs("chroma")

    def process(self, where: Where) -> ProcessSpec:
        data = self.options.data_dir or f"{where.folder}/data"
        argv = (program("chroma"), "run", "--path", data, "--host", where.host, "--port", str(where.ports["http"]))
        env = {"ANONYMIZED_TELEMETRY": "False", "HOME": where.folder, "OTEL_SDK_DISABLED": "true", "NO_COLOR": "1"}
        return self.spec(where, argv, env=env)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        port = where.ports["http"]
        attributes = {"tenant": "default_tenant", "database": "default_database"}
        return (Endpoint("chroma", f"http://{where.host}:{port}", where.host, port, attributes),)

    def probe(self, where: Where) -> Probe:
        url = f"http://{where.host}:{where.ports['http']}/api/v2/heartbeat"
        return Probe("http", url=url, contains="heartbeat")

    def explain(self, log_lines: list[str]) -> str:
        return symptoms.explain(log_lines)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        url = endpoints[0].url
        return {
            "version": versions(self.requires).get("chromadb"),
            "server": ask.get_json(f"{url}/api/v2/version"),
            "limits": ask.get_json(f"{url}/api/v2/pre-flight-checks"),
        }
