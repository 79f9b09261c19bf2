"""One client's connection to the simulator: collects requests, holds what could not be written yet, TLS included."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Protocol

from aifbench.clock import monotonic_ns
from aifbench.load.loop import READ, WRITE, Loop

READ_SIZE = 262144
LARGEST_HEAD = 65536


class Server(Protocol):
    loop: Loop

    def on_request(self, connection: Connection, method: str, path: str, body: bytes, now: int) -> None: ...

    def forget(self, connection: Connection) -> None:
        """Called by a connection that is about to close its socket."""
        ...


class Connection:
    """With `tls` the handshake is made as bytes come, so that a slow client holds up nobody else."""

    def __init__(self, server: Server, sock: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self.sock: socket.socket = sock
        if tls is not None:
            self.sock = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._shaking = tls is not None
        self._tls = tls is not None
        self._received = b""
        self._head = b""
        self._asked = ("", "", 0)
        self._unsent = bytearray()
        self.closed = False

    def on_ready(self, mask: int) -> None:
        if self._shaking and not self._shake():
            return
        if mask & WRITE and self._unsent:
            self._flush()
        if mask & ~WRITE:
            self._receive()

    def _shake(self) -> bool:
        """One more step of the TLS handshake; true when it is done."""
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            self._server.loop.watch(self.sock.fileno(), READ | WRITE, self.on_ready)
            return False
        except OSError:  # a client that speaks no TLS, or does not trust the certificate
            self.close()
            return False
        self._shaking = False
        self._server.loop.watch(self.sock.fileno(), READ, self.on_ready)
        return True

    def _receive(self) -> None:
        more = True
        while more and not self.closed:
            try:
                data = self.sock.recv(READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError:
                self.close()
                return
            now = monotonic_ns()
            if not data:
                self.close()
                return
            self._received += data
            while not self.closed and (request := self._take_request()) is not None:
                self._server.on_request(self, *request, now)
            more = self._tls  # what TLS has decrypted already wakes nobody

    def _take_request(self) -> tuple[str, str, bytes] | None:
        """Method, path and body of a request that has arrived completely; what is no HTTP closes the connection."""
        received = self._received
        end = received.find(b"\r\n\r\n")
        if end < 0:
            if len(received) > LARGEST_HEAD:
                self.close()
            return None
        head = received[:end]
        if head != self._head:  # a client that asks the same again is common here
            try:
                self._asked = read_head(head)
            except ValueError:
                self.close()
                return None
            self._head = head
        method, path, length = self._asked
        if len(received) < end + 4 + length:
            return None
        self._received = received[end + 4 + length :]
        return method, path, received[end + 4 : end + 4 + length]

    def write(self, data: bytes) -> None:
        if self.closed:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._server.loop.watch(self.sock.fileno(), READ | WRITE, self.on_ready)

    def _flush(self) -> None:
        try:
            sent = self.sock.send(self._unsent)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._server.loop.watch(self.sock.fileno(), READ, self.on_ready)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._server.forget(self)
            with contextlib.suppress(OSError):
                self.sock.close()


def read_head(head: bytes) -> tuple[str, str, int]:
    """Method, path and length of the body. Raises ValueError for what is no HTTP/1.1 request."""
    first, *lines = head.split(b"\r\n")
    method, path, version = first.decode("latin-1").split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"got version {version!r}")
    length = 0
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return method, path, length
