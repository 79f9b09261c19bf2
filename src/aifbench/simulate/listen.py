"""Where the simulator listens: a TCP port (IPv4 or IPv6) or a Unix socket, with or without TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aifbench.errors import ServiceError

BACKLOG = 4096


@dataclass(frozen=True)
class Place:
    """`unix` (a path) goes before `host` and `port`; port 0 takes any free one. `cert` and `key` are PEM files."""

    host: str = "127.0.0.1"
    port: int = 0
    unix: str = ""
    cert: str = ""
    key: str = ""

    def open(self) -> socket.socket:
        """The listening socket, not blocking. Raises ServiceError."""
        try:
            listener = self._open_unix() if self.unix else self._open_tcp()
        except OSError as error:
            where = self.unix or f"{self.host}:{self.port}"
            hint = "take another port, or 0 for any free one" if not self.unix else "take another path"
            raise ServiceError(f"cannot listen: {error.strerror or error}", where=where, hint=hint) from error
        listener.setblocking(False)
        return listener

    def _open_tcp(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, self.port), family=family, backlog=BACKLOG)

    def _open_unix(self) -> socket.socket:
        path = Path(self.unix)
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as asking:
                if asking.connect_ex(self.unix) != 0:
                    path.unlink()  # left by a server that was killed
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(self.unix)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    def close(self, listener: socket.socket) -> None:
        listener.close()
        if self.unix:
            Path(self.unix).unlink(missing_ok=True)

    def tls(self) -> ssl.SSLContext | None:
        """None without a certificate. Raises ServiceError."""
        if not self.cert:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.cert, self.key or None)
        except (OSError, ssl.SSLError) as error:
            raise ServiceError(
                f"cannot use the certificate: {error}",
                where=self.cert,
                hint="expected PEM files: --cert holds the certificate (and its chain), --key the private key",
            ) from error
        return context

    def url(self, port: int) -> str:
        """The address as clients write it; `port` is the one that was taken."""
        if self.unix:
            return f"http+unix://{quote(str(Path(self.unix).absolute()), safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.cert else 'http'}://{host}:{port}"
