"""Milvus Lite as a gRPC server (`milvus-lite server`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from aifbench.errors import ServiceError
from aifbench.model.options import Count, Options
from aifbench.model.paths import LocalPath
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services import symptoms
from aifbench.services.base import Service
from aifbench.services.installed import missing_modules, missing_programs, program, versions


class MilvusLiteOptions(Options):
    data_dir: LocalPath = Field("", description="folder of its data; the service's own folder in the run when empty")
    max_workers: Annotated[Count, Field(le=1024)] = Field(10, description="threads that answer requests")


class MilvusLite(Service):
    recipe_keys = MilvusLiteOptions
    summary = "Milvus Lite vector database server (gRPC)"
    protocols = ("milvus", "grpc")
    ports = ("grpc",)
    extra = "milvus"
    requires: ClassVar[Mapping[str, str]] = {"milvus-lite": ">=3", "pymilvus": ">=3"}
    options: MilvusLiteOptions

    def missing(self) -> list[str]:
        return missing_modules("milvus_lite", "grpc") or missing_programs("milvus-lite")

    def process(self, where: Where) -> ProcessSpec:
        argv = [program("milvus-lite"), "server", "--data-dir", self.options.data_dir or f"{where.folder}/data"]
        argv += ["--host", where.host, "--port", str(where.ports["grpc"])]
        argv += ["--max-workers", str(self.options.max_workers)]
        return self.spec(where, argv)

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        port = where.ports["grpc"]
        return (
            Endpoint("milvus", f"http://{where.host}:{port}", where.host, port),
            Endpoint("grpc", f"grpc://{where.host}:{port}", where.host, port),
        )

    def probe(self, where: Where) -> Probe:
        """Not only the port: a call of the database's own protocol must be answered."""
        address = f"{where.host}:{where.ports['grpc']}"
        return Probe("exec", argv=(sys.executable, "-m", "aifbench.services.launch.milvus_version", address))

    def explain(self, log_lines: list[str]) -> str:
        return symptoms.explain(log_lines)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        from aifbench.services.launch.milvus_version import ask_version

        endpoint = endpoints[0]
        answered, text = ask_version(f"{endpoint.host}:{endpoint.port}", timeout_s=10.0)
        if not answered:
            raise ServiceError(f"{endpoint.url} did not answer: {text}")
        found = versions(self.requires)
        return {
            "version": found.get("milvus-lite"),
            "server": text,
            "packages": found,
            "max_workers": self.options.max_workers,
        }
