"""The recipe's `ready:` key of services that aifbench does not know: how to ask whether they are ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from aifbench.model.options import Options
from aifbench.model.paths import Arguments
from aifbench.model.service import Probe


class Ready(Options):
    tcp: str = Field("", description="name of a port that must accept a connection")
    http: str = Field("", description="address that must answer, such as http://{host}:{port.http}/health")
    statuses: list[Annotated[int, Field(ge=100, le=599)]] = Field([200], description="HTTP answers that mean ready")
    contains: str = Field("", description="text that the HTTP answer must contain")
    exec: Arguments = Field(default_factory=list, description="command that must exit with 0")

    @model_validator(mode="after")
    def _one_question(self) -> Ready:
        given = [name for name in ("tcp", "http", "exec") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'nothing'}, expected exactly one of tcp, http, exec")
        return self


def probe_of(ready: Ready, host: str, port: int, fill: Callable[[str], str]) -> Probe:
    """The typed probe. `port` is that of `ready.tcp`; `fill` replaces the placeholders in a text."""
    if ready.http:
        return Probe("http", url=fill(ready.http), statuses=tuple(ready.statuses), contains=ready.contains)
    if ready.exec:
        return Probe("exec", argv=tuple(fill(part) for part in ready.exec))
    return Probe("tcp", host=host, port=port)


ProtocolName = Literal["openai", "chroma", "milvus", "postgres", "s3", "http", "grpc", "tcp", "path", "faiss"]
PROTOCOLS: tuple[str, ...] = ("openai", "chroma", "milvus", "postgres", "s3", "http", "grpc", "tcp", "path", "faiss")
