"""HTTP/1.1 on the engine's loop: requests as ready bytes, one time stamp per read, content looked at afterwards.

A time is taken right after the read that brought the bytes, before anything looks at them. While the load runs only
the head and the framing are examined; `HttpAnswer` keeps the reads with their stamps for the workload.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from aifbench.clock import monotonic_ns
from aifbench.load.loop import READ, WRITE, Loop
from aifbench.load.transport.address import Address, Connector, error_kind, parse
from aifbench.load.transport.framing import ChunkedEnd, FramingError, Head, dechunk, parse_head
from aifbench.model.operation import ERROR, OK, Operation
from aifbench.workloads.base import Done

Buffers = tuple[bytes | memoryview, ...]
Build = Callable[[Operation], "bytes | Buffers"]

READ_SIZE = 65536
NOTE_BYTES = 300


def encode_request(
    method: str, path: str, address: Address, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """The whole request as bytes. Compression is refused, so that bytes on the wire are bytes of content."""
    lines = [f"{method} {address.prefix}{path} HTTP/1.1", f"Host: {address.host_header}", "Accept-Encoding: identity"]
    given = {name.lower() for name in headers or {}}
    if body is not None and "content-length" not in given:
        lines.append(f"Content-Length: {len(body)}")
    if body is not None and "content-type" not in given:
        lines.append("Content-Type: application/json")
    for name, value in (headers or {}).items():
        if any(sign in name + value for sign in "\r\n"):
            raise ValueError(f"header {name!r} holds a line break")
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class HttpAnswer:
    """What came back. `reads` are raw body bytes as read (still chunked), `stamps` their monotonic nanoseconds.

    When the body is not kept, `reads` is empty and `stamps` holds the first and the last stamp only.
    `sent_ns` is when the last request byte was handed to the kernel; `first_ns` when the first response byte was read.
    """

    __slots__ = ("chunked", "first_ns", "head", "reads", "reused", "sent_ns", "stamps", "status")

    def __init__(self) -> None:
        self.status = 0
        self.head = b""
        self.reads: list[bytes] = []
        self.stamps: list[int] = []
        self.sent_ns = 0
        self.first_ns = 0
        self.chunked = False
        self.reused = False

    def body(self) -> bytes:
        """The content, chunk framing taken off. Raises FramingError."""
        raw = b"".join(self.reads)
        return dechunk(raw) if self.chunked else raw

    def header(self, name: str) -> str:
        """A response header's value, or an empty string."""
        wanted = name.lower().encode()
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == wanted:
                return value.strip().decode("latin-1")
        return ""


class HttpSlot:
    """One keep-alive connection that carries one exchange at a time."""

    def __init__(self, client: HttpClient, loop: Loop, done: Done) -> None:
        self._client = client
        self._loop = loop
        self._done = done
        self._sock: socket.socket | None = None
        self._operation: Operation | None = None
        self._answer = HttpAnswer()
        self._unsent: list[bytes | memoryview] = []
        self._connecting = False
        self._used = False
        self._buffer = b""
        self._head: Head | None = None
        self._left = 0
        self._chunks = ChunkedEnd()
        self._keep = True

    # connecting

    def connect(self) -> None:
        """Connect and wait for it; used before T0. Raises OSError."""
        before = monotonic_ns()
        self._sock = self._client.connector.connect()
        self._client.connect_ns.append(monotonic_ns() - before)
        self._loop.watch(self._sock.fileno(), READ, self._on_ready)
        self._used = False

    def _begin_connecting(self) -> bool:
        try:
            self._sock, ready = self._client.connector.begin()
        except OSError as error:
            self._finish_failed(error_kind(error), str(error))
            return False
        self._client.connects_in_load += 1
        self._used = False
        self._connecting = not ready
        self._loop.watch(self._sock.fileno(), READ if ready else WRITE, self._on_ready)
        return ready

    def _on_connected(self) -> None:
        if self._sock is None:
            return
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            failure = OSError(code, "")
            self._finish_failed(error_kind(failure), f"connecting: {failure.strerror or code}")
            return
        self._connecting = False
        self._loop.watch(self._sock.fileno(), READ, self._on_ready)
        self._send()

    # one exchange

    def start(self, operation: Operation) -> None:
        built = self._client.build(operation)
        buffers = [built] if isinstance(built, bytes) else list(built)
        answer = HttpAnswer()
        answer.reused = self._used
        operation.detail = answer
        operation.bytes_out = sum(len(part) for part in buffers)
        self._operation = operation
        self._answer = answer
        self._unsent = list(buffers)
        self._buffer = b""
        self._head = None
        self._keep = self._client.keep(operation)
        operation.start = monotonic_ns()
        if self._sock is None and not self._begin_connecting():
            return
        self._send()

    def _send(self) -> None:
        sock = self._sock
        if sock is None:
            return
        unsent = self._unsent
        try:
            while unsent:
                one = len(unsent) == 1 or self._client.address.tls
                count = sock.send(unsent[0]) if one else sock.sendmsg(unsent)
                while unsent and count >= len(unsent[0]):
                    count -= len(unsent.pop(0))
                if count:
                    unsent[0] = memoryview(unsent[0])[count:]
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._loop.watch(sock.fileno(), READ | WRITE, self._on_ready)
            return
        except OSError as error:
            # The server may have answered (413, say) and closed before it read everything: what it said counts.
            self._answer.sent_ns = monotonic_ns()
            self._on_readable()
            if self._operation is not None and self._head is None:
                self._finish_failed(error_kind(error), self._stale_note())
            return
        self._answer.sent_ns = monotonic_ns()

    def _on_ready(self, mask: int) -> None:
        if self._connecting:
            self._on_connected()
            return
        if self._unsent and mask & WRITE and self._sock is not None:
            self._send()
            if not self._unsent and self._sock is not None:
                self._loop.watch(self._sock.fileno(), READ, self._on_ready)
            if not mask & READ:
                return
        self._on_readable()

    def _on_readable(self) -> None:
        while (sock := self._sock) is not None:
            try:
                data = sock.recv(READ_SIZE)
                now = monotonic_ns()
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError as error:
                self._on_broken(error)
                return
            if self._operation is None:
                self._drop_connection()  # closed while idle, or bytes nobody asked for
                return
            if not data:
                self._on_eof(now)
                return
            self._on_data(data, now)
            if len(data) < READ_SIZE and not self._client.address.tls:
                return

    def _on_data(self, data: bytes, now: int) -> None:
        operation = self._operation
        if operation is None:
            return
        answer = self._answer
        operation.bytes_in += len(data)
        operation.last = now
        if not answer.first_ns:
            answer.first_ns = operation.first = now
        if self._head is None:
            data = self._take_head(data)
            if self._head is None:
                return
        if data:
            if self._keep:
                answer.reads.append(data)
                answer.stamps.append(now)
            elif not answer.stamps:
                answer.stamps = [now, now]
            else:
                answer.stamps[1] = now
        self._check_end(data)

    def _take_head(self, data: bytes) -> bytes:
        """Collect the head; returns the body bytes that came with its end."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                if len(self._buffer) > 65536:
                    self._finish_failed("bad-http", "a response head of more than 64 KiB")
                return b""
            try:
                parsed = parse_head(head)
            except FramingError as error:
                self._finish_failed("bad-http", str(error))
                return b""
            self._buffer = rest
            if parsed.status >= 200 or parsed.status == 101:
                break  # 1xx are interim answers
        self._buffer = b""
        self._head = parsed
        answer = self._answer
        answer.status = parsed.status
        answer.head = head
        answer.chunked = parsed.chunked
        if self._operation is not None and self._client.bodyless(self._operation):
            self._head = Head(parsed.status, 0, chunked=False, keep_alive=parsed.keep_alive)
        self._left = self._head.length or 0
        self._chunks = ChunkedEnd()
        if parsed.status >= 300:
            self._keep = True
        return rest

    def _check_end(self, data: bytes) -> None:
        head = self._head
        if head is None:
            return
        if head.chunked:
            try:
                ended = self._chunks.feed(data) if data else False
            except FramingError as error:
                self._finish_failed("bad-http", str(error))
                return
            if ended:
                self._finish(keep_alive=head.keep_alive)
        elif head.length is not None:
            self._left -= len(data)
            if self._left < 0:
                self._finish_failed("long-body", f"{-self._left} bytes more than Content-Length")
            elif self._left == 0:
                self._finish(keep_alive=head.keep_alive)

    def _on_eof(self, now: int) -> None:
        head = self._head
        if head is not None and not head.chunked and head.length is None:
            if self._operation is not None:
                self._operation.last = self._operation.last or now
            self._finish(keep_alive=False)
        elif head is None:
            self._finish_failed("closed-early" if self._answer.first_ns else "reset", self._stale_note())
        else:
            self._finish_failed("short-body", "the connection was closed in the middle of the body")

    def _on_broken(self, error: OSError) -> None:
        if self._operation is None:
            self._drop_connection()
        else:
            self._finish_failed(error_kind(error), f"{self._stale_note()} {error}".strip())

    def _stale_note(self) -> str:
        stale = self._answer.reused and not self._answer.first_ns
        return "a keep-alive connection was closed by the server" if stale else "closed by the server without an answer"

    # ending

    def _finish(self, *, keep_alive: bool) -> None:
        operation = self._operation
        if operation is None:
            return
        operation.end = operation.last
        status = self._answer.status
        if status < 300:
            operation.status = OK
        else:
            with contextlib.suppress(FramingError):
                operation.note = self._answer.body()[:NOTE_BYTES].decode("utf-8", "replace")
            operation.fail("redirect" if status < 400 else f"http-{status}", operation.note)
        self._used = True
        if not keep_alive:
            self._drop_connection()
        self._hand_back(operation)

    def _finish_failed(self, error: str, note: str, status: str = ERROR) -> None:
        self._drop_connection()
        operation = self._operation
        if operation is None:
            return
        operation.end = monotonic_ns()
        operation.fail(error, note, status)
        self._hand_back(operation)

    def _hand_back(self, operation: Operation) -> None:
        self._operation = None
        self._unsent = []
        self._done(self, operation)

    def cancel(self, status: str, error: str) -> None:
        self._finish_failed(error, "", status)

    def _drop_connection(self) -> None:
        self._connecting = False
        if self._sock is not None:
            self._loop.unwatch(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def close(self) -> None:
        self._drop_connection()


class HttpClient:
    """Slots to one address. `build` makes the request bytes just before the start of an operation.

    `keep` says whether the body of an operation's answer is kept (answers of 300 and above always are);
    `bodyless` says whether its answer has no body whatever the head says (HEAD).
    """

    def __init__(
        self,
        url: str,
        build: Build,
        *,
        keep: Callable[[Operation], bool] | bool = True,
        bodyless: Callable[[Operation], bool] | None = None,
        verify_tls: bool = True,
        connect_timeout_s: float = 10.0,
    ) -> None:
        self.address = parse(url)
        self.connector = Connector(self.address, verify_tls=verify_tls, connect_timeout_s=connect_timeout_s)
        self.build = build
        self.keep: Callable[[Operation], bool] = keep if callable(keep) else (lambda _: bool(keep))
        self.bodyless: Callable[[Operation], bool] = bodyless or (lambda _: False)
        self.connect_ns: list[int] = []
        self.connects_in_load = 0
        self._slots: list[HttpSlot] = []

    def open_slot(self, loop: Loop, done: Done) -> HttpSlot:
        """Connected when the loop is not running yet; else it connects as part of its first operation."""
        slot = HttpSlot(self, loop, done)
        self._slots.append(slot)
        if not loop.running:
            slot.connect()
        return slot

    def facts(self) -> dict[str, Any]:
        """Connect times in seconds (before T0) and how many connections had to be made during the load."""
        return {"connect_s": [ns / 1e9 for ns in self.connect_ns], "connects_in_load": self.connects_in_load}

    def close(self) -> None:
        for slot in self._slots:
            slot.close()


def fetch(
    url: str,
    method: str = "GET",
    path: str = "",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_s: float = 30.0,
    verify_tls: bool = True,
) -> HttpAnswer:
    """One exchange outside any measurement (preparing, describing), waited for. Raises OSError on failure."""
    finished: list[Operation] = []
    loop = Loop()
    address = parse(url)
    request = encode_request(method, path or "/", address, body, headers)

    def done(_slot: Any, operation: Operation) -> None:
        finished.append(operation)
        loop.stop()

    client = HttpClient(
        url, lambda _: request, bodyless=lambda _: method == "HEAD", verify_tls=verify_tls, connect_timeout_s=timeout_s
    )
    slot = client.open_slot(loop, done)
    operation = Operation(0, "fetch", monotonic_ns())
    loop.call_at(monotonic_ns() + round(timeout_s * 1e9), lambda: slot.cancel("timeout", "timeout"))
    slot.start(operation)
    if not finished:
        loop.run()
    client.close()
    loop.close()
    answer: HttpAnswer = operation.detail
    if operation.status != OK and not answer.status:
        raise OSError(f"{method} {url}{path}: {operation.error} {operation.note}".rstrip())
    return answer
