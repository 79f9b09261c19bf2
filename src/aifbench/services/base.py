"""The service contract: pure functions from options and place to a process, its endpoints and its probe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aifbench.model.options import Options
from aifbench.model.process import ProcessSpec
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.registry import Table


class Service(ABC):
    """One program. Importing its module must be cheap: heavy packages are imported on use.

    `recipe_keys` holds what a recipe may say about it; `protocols` says what its endpoints speak, `ports` which ports
    it wants.
    `extra` is the pip extra that brings it; `requires` maps a distribution to the version constraint tested here.
    """

    recipe_keys: ClassVar[type[Options]]
    summary: ClassVar[str]
    protocols: tuple[str, ...]  # of the class: all it can speak; of an instance: what its options make it speak
    ports: tuple[str, ...] = ()  # likewise
    extra: ClassVar[str] = ""
    requires: ClassVar[Mapping[str, str]] = {}

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.options = options

    def missing(self) -> list[str]:
        """Import names or programs that the service needs and this machine lacks; empty when it can start."""
        return []

    @abstractmethod
    def process(self, where: Where) -> ProcessSpec | None:
        """The process to start, or None when there is none (in process, external). Pure."""

    def spec(
        self,
        where: Where,
        argv: Sequence[str],
        *,
        grace_s: float = 5.0,
        env: Mapping[str, str] | None = None,
        pass_env: tuple[str, ...] = (),
    ) -> ProcessSpec:
        """A process as services have it: it works in its own folder, and its logs are there. Pure."""
        return ProcessSpec(
            name=self.name,
            argv=tuple(argv),
            folder=where.folder,
            env=env or {},
            pass_env=pass_env,
            out=f"{where.folder}/out",
            err=f"{where.folder}/err",
            grace_s=grace_s,
            cpus=where.cpus,
        )

    @abstractmethod
    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        """Addresses, known before the start because host and ports are. Pure."""

    @abstractmethod
    def probe(self, where: Where) -> Probe:
        """What must be answered before the service counts as ready. Pure."""

    def explain(self, log_lines: list[str]) -> str:
        """A hint for known words in the last log lines of a failed start, or an empty string. Pure."""
        return ""

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        """Version and effective configuration of the running service, asked from it; plain JSON, no secrets.

        Has a `version` key where the service tells one. Raises ServiceError when the service does not answer.
        """
        return {}


SERVICES: Table[type[Service]] = Table(
    "service",
    {
        "llama.cpp": "aifbench.services.llama_cpp:LlamaCpp",
        "postgres": "aifbench.services.postgres:Postgres",
        "chroma": "aifbench.services.chroma:Chroma",
        "milvus-lite": "aifbench.services.milvus_lite:MilvusLite",
        "faiss": "aifbench.services.faiss:Faiss",
        "seaweedfs": "aifbench.services.seaweedfs:SeaweedFS",
        "directory": "aifbench.services.directory:Directory",
        "simulator": "aifbench.services.simulator:Simulator",
        "command": "aifbench.services.command:Command",
        "external": "aifbench.services.external:External",
    },
    group="aifbench.services",
)
