"""Where an HTTP client connects to: a URL taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from aifbench.errors import LoadError


@dataclass(frozen=True)
class Address:
    """`host` header value, and what to connect to: a TCP host and port, or a Unix socket path.

    `http+unix://%2Frun%2Fsocket/v1` names a Unix socket by its percent-encoded path.
    """

    tls: bool
    host: str
    port: int
    prefix: str
    unix_path: str = ""

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"


def parse(url: str) -> Address:
    """Raises LoadError for a URL that is not http, https or http+unix, or has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.scheme in ("http", "https") else None
    except ValueError as error:  # [::1 without its bracket, a port of 70000
        raise LoadError(f"got address {url!r}: {error}") from error
    if parts.scheme not in ("http", "https", "http+unix") or not parts.netloc:
        raise LoadError(f"got address {url!r}, expected http://host:port, https://host:port or http+unix://%2Fpath")
    prefix = parts.path.rstrip("/")
    if parts.scheme == "http+unix":
        return Address(tls=False, host="localhost", port=80, prefix=prefix, unix_path=unquote(parts.netloc))
    tls = parts.scheme == "https"
    if not parts.hostname:
        raise LoadError(f"got address {url!r}, which has no host")
    return Address(tls=tls, host=parts.hostname, port=port or (443 if tls else 80), prefix=prefix)
