"""Endpoints, targets and readiness probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Endpoint:
    """One address of a target.

    `protocol` says how to speak to it: `openai`, `chroma`, `milvus`, `postgres`, `s3`, `http`, `grpc`, `tcp`, `faiss`
    (in process), `path` (a directory). `url` is the whole address (`http://127.0.0.1:8080`, `postgresql://…`,
    `file:///dir`, `inproc://faiss`). `attributes` carries what a client needs beside it (model name, region);
    values may be secret references, never secrets.
    """

    protocol: str
    url: str
    host: str = ""
    port: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Where:
    """Where a service is placed: decided by the executor and given to the service's pure functions.

    `folder` is the service's own folder (data, generated files); `ports` has one free port per name that the service
    asked for; `secret` is a random word made for this start (access keys of services that can have one).
    """

    host: str
    folder: str
    ports: Mapping[str, int] = field(default_factory=dict)
    secret: str = ""
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True)
class Probe:
    """One typed readiness question, asked again until it is answered with yes.

    `tcp`: connects. `http`: GET `url` answers a status in `statuses` (and `contains`, if given, is in the body).
    `http2`: answers HTTP/2 (over TLS where `url` is https or grpcs) with its settings, as every gRPC server does.
    `s3`: an unsigned GET of the service root gives an S3 XML document. `sql`: connects to `url` (with the password in
    the file `path`, if given) and `SELECT 1` gives 1.
    `exec`: `argv` exits 0. `path`: the directory can be written. `none`: nothing to wait for.
    """

    kind: Literal["tcp", "http", "http2", "s3", "sql", "exec", "path", "none"]
    host: str = ""
    port: int = 0
    url: str = ""
    statuses: tuple[int, ...] = (200,)
    contains: str = ""
    argv: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True)
class Target:
    """What load is aimed at, as it goes to prepare and worker processes."""

    name: str
    uses: str
    endpoints: tuple[Endpoint, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def endpoint(self, *protocols: str) -> Endpoint:
        """The first endpoint with one of the protocols, in the order given; raises LookupError."""
        for protocol in protocols:
            for endpoint in self.endpoints:
                if endpoint.protocol == protocol:
                    return endpoint
        offered = ", ".join(endpoint.protocol for endpoint in self.endpoints) or "nothing"
        raise LookupError(f"target {self.name} offers {offered}; needed: {' or '.join(protocols)}")
