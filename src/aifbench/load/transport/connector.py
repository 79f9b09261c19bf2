"""Connected sockets to one address, TLS done or begun. Directly: HTTP_PROXY and its like change nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
from typing import Any

from aifbench.load.transport.address import Address
from aifbench.load.transport.trust import SYSTEM, Trust


class Connector:
    """Makes non-blocking sockets. The name is resolved once, when it is first needed.

    Where a name has several addresses, the first one that accepts a connection before the load is kept.
    """

    def __init__(self, address: Address, *, trust: Trust = SYSTEM, connect_timeout_s: float = 10.0) -> None:
        self.address = address
        self._timeout_s = connect_timeout_s
        self._resolved: list[tuple[int, Any]] = []
        self._tls = trust.context() if address.tls else None

    def begin(self) -> tuple[socket.socket, bool]:
        """A socket whose connecting has begun, and whether it is connected already. TLS is left to `secure`.

        Raises OSError.
        """
        family, place = self._places()[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        self._tune(sock, family)
        code = sock.connect_ex(place)
        if code in (0, errno.EISCONN):
            return sock, True
        if code != errno.EINPROGRESS:
            sock.close()
            raise OSError(code, os.strerror(code))
        return sock, False

    def secure(self, sock: socket.socket) -> ssl.SSLSocket:
        """The connected socket with TLS around it, whose handshake is still to be done. Raises OSError."""
        assert self._tls is not None
        return self._tls.wrap_socket(sock, server_hostname=self.address.host, do_handshake_on_connect=False)

    def connect(self) -> socket.socket:
        """A connected socket, TLS done. Waits; raises OSError."""
        places = self._places()
        for place in places:
            try:
                sock = self._connect_to(*place)
            except (ConnectionError, TimeoutError) as error:
                last = error
                continue
            self._resolved = [place, *(other for other in places if other != place)]
            return sock
        raise last

    def _connect_to(self, family: int, place: Any) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._timeout_s)
            self._tune(sock, family)
            sock.connect(place)
            if self._tls is not None:
                sock = self.secure(sock)
                sock.do_handshake()
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

    def _places(self) -> list[tuple[int, Any]]:
        if self.address.unix_path:
            return [(socket.AF_UNIX, self.address.unix_path)]
        if not self._resolved:
            host = self.address.host
            try:
                found = socket.getaddrinfo(host, self.address.port, type=socket.SOCK_STREAM)
            except socket.gaierror as error:
                raise socket.gaierror(error.errno, f"the host name {host!r} is not known ({error.strerror})") from error
            except UnicodeError as error:
                raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a host name ({error})") from error
            self._resolved = list(dict.fromkeys((entry[0], tuple(entry[4])) for entry in found))
        return self._resolved
