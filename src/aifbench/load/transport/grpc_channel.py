"""Where a gRPC server is and how a connection to it is made; and plain blocking calls for preparing a target."""

from __future__ import annotations

import base64
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from aifbench.errors import LoadError
from aifbench.load.transport.secret import resolve
from aifbench.load.transport.trust import trust_of
from aifbench.model.service import Endpoint

SCHEMES = ("grpc", "grpcs", "http", "https", "unix")
TLS_SCHEMES = ("grpcs", "https")
DEFAULT_PORTS = {"http": 80, "https": 443, "grpcs": 443}
LARGEST_MESSAGE = 256 << 20
METADATA_KEY = re.compile(r"[0-9a-z_.-]+")
RECONNECT_MS = (100, 1000)
"""Least and greatest wait before a lost connection is tried again; gRPC's own 20 s to 2 min would outlast a trial."""

Metadata = tuple[tuple[str, str | bytes], ...]


def library() -> Any:
    """The package `grpc`, made to leave forks alone: its handlers start threads in children that only exec."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import grpc

    return grpc


@dataclass(frozen=True)
class GrpcAddress:
    """`name` is what gRPC calls the target: `host:port` or `unix:/path`. `host` is empty for a Unix socket."""

    name: str
    host: str = ""
    port: int = 0
    tls: bool = False


def parse(url: str) -> GrpcAddress:
    """Raises LoadError."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return GrpcAddress(f"unix:{unquote(parts.path)}")
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    if parts.scheme not in SCHEMES or not parts.hostname or not port:
        raise LoadError(
            f"got address {url!r}, expected one such as grpc://127.0.0.1:50051, grpcs://host:443 or unix:///path"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return GrpcAddress(f"{host}:{port}", parts.hostname, port, parts.scheme in TLS_SCHEMES)


def settings() -> list[tuple[str, Any]]:
    """Of every channel: a connection of its own, the proxy of no environment, and no call done twice in secret."""
    least, most = RECONNECT_MS
    return [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", LARGEST_MESSAGE),
        ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ("grpc.initial_reconnect_backoff_ms", least),
        ("grpc.min_reconnect_backoff_ms", least),
        ("grpc.max_reconnect_backoff_ms", most),
    ]


def credentials(attributes: Mapping[str, Any]) -> Any:
    """Of a TLS channel. Raises LoadError."""
    grpc = library()

    trust = trust_of(attributes)
    if not trust.verify:
        raise LoadError(
            "got verify_tls: false, but a gRPC client always checks the server's certificate",
            hint="target's attributes: `ca_file: /path/ca.pem` names the authority of that certificate",
        )
    if not trust.ca_file:
        return grpc.ssl_channel_credentials()
    trust.context()  # says what is wrong with the file
    return grpc.ssl_channel_credentials(Path(trust.ca_file).read_bytes())


def metadata_of(given: Mapping[str, str]) -> Metadata:
    """As gRPC wants it; references become values here. The value of a key in `-bin` is base64."""
    return tuple(
        (key, base64.b64decode(text) if key.endswith("-bin") else text)
        for key, text in ((key, resolve(value)) for key, value in given.items())
    )


def not_ready(address: GrpcAddress, attributes: Mapping[str, Any], timeout_s: float) -> Exception:
    """Why no connection came about: an OSError of a connection made by hand, or that the other side speaks no gRPC."""
    if address.host:
        try:
            with socket.create_connection((address.host, address.port), timeout_s) as plain:
                if address.tls:
                    trust_of(attributes).context().wrap_socket(plain, server_hostname=address.host).close()
        except OSError as error:
            return error
    elif not Path(address.name.removeprefix("unix:")).exists():
        return FileNotFoundError(2, "No such file", address.name)
    wanted = "TLS and HTTP/2" if address.tls else "HTTP/2 without TLS"
    return LoadError(
        f"{address.name} can be connected to, but does not answer with {wanted}, which gRPC needs",
        hint="check the port; grpcs:// or https:// in the address means TLS, with `ca_file` in the target's attributes",
    )


def words(error: Any) -> tuple[str, str]:
    """A failed call's code (`deadline-exceeded`) and the server's details."""
    return error.code().name.lower().replace("_", "-"), error.details() or ""


class Calls:
    """One connection for blocking calls. Messages go in and come out as bytes."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, metadata: Metadata = ()) -> None:
        grpc = library()
        self._address = parse(endpoint.url)
        self._timeout_s = timeout_s
        self._metadata = metadata
        name, options = self._address.name, settings()
        if self._address.tls:
            self._channel = grpc.secure_channel(name, credentials(endpoint.attributes), options=options)
        else:
            self._channel = grpc.insecure_channel(name, options=options)
        self._methods: dict[str, Any] = {}

    def call(self, method: str, message: bytes) -> bytes:
        """The answer to one message. Raises LoadError."""
        grpc = library()

        if method not in self._methods:
            self._methods[method] = self._channel.unary_unary(method, bytes, bytes)
        try:
            answer: bytes = self._methods[method](message, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            code, details = words(error)
            raise LoadError(f"{method} on {self._address.name} failed: {code}: {details}") from error
        return answer

    def close(self) -> None:
        self._channel.close()
