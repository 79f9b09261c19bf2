"""Where an HTTP client connects to: a URL taken apart, and a connected socket."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

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
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "http+unix") or not parts.netloc:
        raise LoadError(f"got address {url!r}, expected http://host:port, https://host:port or http+unix://%2Fpath")
    prefix = parts.path.rstrip("/")
    if parts.scheme == "http+unix":
        from urllib.parse import unquote

        return Address(tls=False, host="localhost", port=80, prefix=prefix, unix_path=unquote(parts.netloc))
    tls = parts.scheme == "https"
    try:
        port = parts.port or (443 if tls else 80)
    except ValueError as error:
        raise LoadError(f"got address {url!r}: {error}") from error
    return Address(tls=tls, host=parts.hostname or "", port=port, prefix=prefix)


def error_kind(error: BaseException) -> str:
    """The short, stable word for a connection failure."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls-certificate"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "connect-timeout"
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, str(error.errno))
        return {"EMFILE": "no-descriptors", "EADDRNOTAVAIL": "no-ports"}.get(name, f"os-{name}")
    return type(error).__name__


class Connector:
    """Makes connected, non-blocking sockets to one address. The name is resolved once, when it is first needed."""

    def __init__(self, address: Address, *, verify_tls: bool = True, connect_timeout_s: float = 10.0) -> None:
        self.address = address
        self._timeout_s = connect_timeout_s
        self._resolved: tuple[int, Any] | None = None
        self._tls: ssl.SSLContext | None = None
        if address.tls:
            self._tls = ssl.create_default_context()
            if not verify_tls:
                self._tls.check_hostname = False
                self._tls.verify_mode = ssl.CERT_NONE

    def begin(self) -> tuple[socket.socket, bool]:
        """A non-blocking socket whose connecting has begun, and whether it is connected already. Raises OSError."""
        if self._tls is not None:
            return self.connect(), True
        family, place = self._place()
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        self._tune(sock, family)
        code = sock.connect_ex(place)
        if code in (0, errno.EISCONN):
            return sock, True
        if code != errno.EINPROGRESS:
            sock.close()
            raise OSError(code, errno.errorcode.get(code, "connect"))
        return sock, False

    def connect(self) -> socket.socket:
        """A connected socket, TLS done. Waits; raises OSError."""
        family, place = self._place()
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._timeout_s)
            self._tune(sock, family)
            sock.connect(place)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self.address.host)
            sock.setblocking(False)
        except BaseException:
            sock.close()
            raise
        return sock

    def _tune(self, sock: socket.socket, family: int) -> None:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _place(self) -> tuple[int, Any]:
        if self.address.unix_path:
            return socket.AF_UNIX, self.address.unix_path
        if self._resolved is None:
            found = socket.getaddrinfo(self.address.host, self.address.port, type=socket.SOCK_STREAM)
            self._resolved = (found[0][0], tuple(found[0][4]))
        return self._resolved
