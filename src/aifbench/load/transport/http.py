"""HTTP/1.1 on the engine's loop: requests as ready bytes, one time stamp per read, content looked at afterwards.

A time is taken right after the read that brought the bytes, before anything looks at them. While the load runs only
the head and the framing are examined; `HttpAnswer` keeps the reads with their stamps for the workload.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aifbench.clock import monotonic_ns
from aifbench.load.loop import READ, WRITE, Loop
from aifbench.load.tally import spread
from aifbench.load.transport.address import Address, Connector, error_kind, parse
from aifbench.load.transport.framing import ChunkedEnd, FramingError, Head, dechunk, parse_head
from aifbench.load.transport.kernel_time import ANCILLARY_SIZE, KernelClock, enable
from aifbench.model.operation import ERROR, OK, Operation
from aifbench.workloads.base import Done

Buffers = tuple[bytes | memoryview, ...]
Build = Callable[[Operation], "bytes | Buffers"]

READ_SIZE = 65536
NOTE_BYTES = 300
LOOK_NS = 100_000_000
AHEAD_BYTES = 64 << 20
STALE = "stale"
"""The error of an operation that met a keep-alive connection which the server had already closed."""
EARLY_CLOSE_NS = 100_000_000
EARLY_CLOSES = 3
"""A server that closed this many connections right after an answer does not mean its keep-alive: from then on each
operation makes its own connection, as part of its time."""


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

    `kernel` holds the kernel's own stamps of the same reads, still undecoded, or is empty (`HttpClient.settle`).
    When the body is not kept, `reads` is empty and `stamps` holds the first and the last stamp only.
    `sent_ns` is when the last request byte was handed to the kernel; `first_ns` when the first response byte was read.
    """

    __slots__ = ("chunked", "first_ns", "head", "kernel", "reads", "reused", "sent_ns", "stamps", "status")

    def __init__(self) -> None:
        self.status = 0
        self.head = b""
        self.reads: list[bytes] = []
        self.stamps: list[int] = []
        self.kernel: list[bytes] = []
        self.sent_ns = 0
        self.first_ns = 0
        self.chunked = False
        self.reused = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, tuple(getattr(self, name) for name in self.__slots__)

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


def _again(*values: Any) -> HttpAnswer:
    answer = HttpAnswer()
    for name, value in zip(HttpAnswer.__slots__, values, strict=True):
        setattr(answer, name, value)
    return answer


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
        self._unkept = 0
        self._chunks = ChunkedEnd()
        self._keep = True
        self._unchecked: list[bytes] = []  # chunked reads in which no end was looked for yet
        self._stamped = False
        self._tls = client.address.tls

    # connecting

    def connect(self) -> None:
        """Connect and wait for it; used before T0. Raises OSError."""
        before = monotonic_ns()
        self._sock = self._client.connector.connect()
        self._client.connect_ns.append(monotonic_ns() - before)
        self._loop.watch(self._sock.fileno(), READ, self._on_ready)
        self._stamped = self._client.stamp(self._sock)
        self._used = False

    def _begin_connecting(self) -> bool:
        try:
            self._sock, ready = self._client.connector.begin()
        except OSError as error:
            self._finish_failed(error_kind(error), str(error))
            return False
        self._client.connects_in_load += 1
        self._used = False
        self._stamped = self._client.stamp(self._sock)
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
        built = self._client.request(operation)
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
        self._unchecked = []
        self._keep = self._client.keep(operation)
        operation.start = monotonic_ns()
        if self._sock is None:
            answer.reused = False
            if not self._begin_connecting():
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
                self._fail_unanswered(error_kind(error), str(error))
            return
        self._answer.sent_ns = monotonic_ns()

    def _on_ready(self, mask: int) -> None:
        head = self._head
        if head is not None and head.chunked and self._keep and not self._unsent and not self._tls:
            self._on_stream()  # by far the most frequent case
            return
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

    def _receive(self, sock: socket.socket) -> tuple[bytes, bytes]:
        """What has arrived and the kernel's stamp of it, if there is one."""
        if not self._stamped:
            return sock.recv(READ_SIZE), b""
        data, ancillary, _, _ = sock.recvmsg(READ_SIZE, ANCILLARY_SIZE)
        return data, ancillary[0][2] if ancillary else b""

    def _on_stream(self) -> None:
        """More of a chunked body: keep bytes and stamps, and look for the end only where one could be."""
        sock = self._sock
        assert sock is not None
        answer = self._answer
        try:
            if self._stamped:
                data, ancillary, _, _ = sock.recvmsg(READ_SIZE, ANCILLARY_SIZE)
                now = monotonic_ns()
                if data:
                    answer.kernel.append(ancillary[0][2] if ancillary else b"")
            else:
                data = sock.recv(READ_SIZE)
                now = monotonic_ns()
        except BlockingIOError:
            return
        except OSError as error:
            self._on_broken(error)
            return
        if self._operation is None:
            self._closed_while_idle(now)
            return
        if not data:
            self._on_eof(now)
            return
        answer.reads.append(data)
        answer.stamps.append(now)
        self._unchecked.append(data)
        # A chunked body ends with an empty line, so no other read can hold its end; only a very short read could be
        # the rest of one.
        if data[-4:] == b"\r\n\r\n" or len(data) < 4:
            self._check_chunks()

    def _check_chunks(self) -> None:
        unchecked, self._unchecked = self._unchecked, []
        try:
            ended = self._chunks.feed(unchecked[0] if len(unchecked) == 1 else b"".join(unchecked))
        except FramingError as error:
            self._finish_failed("bad-http", str(error))
            return
        if ended and self._head is not None:
            self._finish(keep_alive=self._head.keep_alive)

    def _on_readable(self) -> None:
        while (sock := self._sock) is not None:
            try:
                data, stamp = self._receive(sock)
                now = monotonic_ns()
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError as error:
                self._on_broken(error)
                return
            if self._operation is None:
                self._closed_while_idle(now)  # or bytes nobody asked for
                return
            if not data:
                self._on_eof(now)
                return
            self._on_data(data, now, stamp)
            if len(data) < READ_SIZE and not self._tls:
                return

    def _on_data(self, data: bytes, now: int, stamp: bytes) -> None:
        answer = self._answer
        if not answer.first_ns:
            answer.first_ns = now
        if self._head is None:
            data = self._take_head(data)
            if self._head is None:
                return
        if self._keep:
            answer.reads.append(data)
            answer.stamps.append(now)
            if stamp:
                answer.kernel.append(stamp)
        else:
            self._take_unkept(data, now, stamp)
        self._check_end(data)

    def _take_unkept(self, data: bytes, now: int, stamp: bytes) -> None:
        """Count bytes that nobody will look at; first and last stamp stay."""
        answer = self._answer
        self._unkept += len(data)
        if not answer.stamps:
            answer.stamps = [now, now]
            answer.kernel = [stamp, stamp] if stamp else []
        else:
            answer.stamps[1] = now
            if stamp and answer.kernel:
                answer.kernel[1] = stamp

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
        self._unkept = 0
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
            if data:
                self._unchecked.append(data)
                self._check_chunks()
        elif head.length is not None:
            self._left -= len(data)
            if self._left < 0:
                self._finish_failed("long-body", f"{-self._left} bytes more than Content-Length")
            elif self._left == 0:
                self._finish(keep_alive=head.keep_alive)

    def _on_eof(self, now: int) -> None:
        head = self._head
        if head is not None and not head.chunked and head.length is None:
            self._answer.stamps.append(now)
            self._finish(keep_alive=False)
        elif head is None:
            self._fail_unanswered("closed-early" if self._answer.first_ns else "reset")
        else:
            self._finish_failed("short-body", "the connection was closed in the middle of the body")

    def _on_broken(self, error: OSError) -> None:
        if self._operation is None:
            self._closed_while_idle(monotonic_ns())
        else:
            self._fail_unanswered(error_kind(error), str(error))

    def _fail_unanswered(self, error: str, note: str = "") -> None:
        """The connection broke before the answer was complete."""
        answer = self._answer
        if answer.first_ns:
            self._finish_failed(error, note or "closed by the server in the middle of its answer")
        elif answer.reused:
            self._client.early_closes += 1
            self._finish_failed(STALE, "the server had closed this keep-alive connection")
        else:
            self._finish_failed(error, note or "closed by the server without an answer")

    def _closed_while_idle(self, now: int) -> None:
        if self._answer.stamps and now - self._answer.stamps[-1] < EARLY_CLOSE_NS:
            self._client.early_closes += 1
        self._drop_connection()

    # ending

    def _finish(self, *, keep_alive: bool) -> None:
        operation = self._operation
        if operation is None:
            return
        self._stamp_operation(operation)
        operation.end = operation.last
        status = self._answer.status
        if status < 300:
            operation.status = OK
        else:
            with contextlib.suppress(FramingError):
                operation.note = self._answer.body()[:NOTE_BYTES].decode("utf-8", "replace")
            operation.fail("redirect" if status < 400 else f"http-{status}", operation.note)
        self._used = True
        if not keep_alive or self._client.early_closes >= EARLY_CLOSES:
            self._drop_connection()
        self._hand_back(operation)

    def _finish_failed(self, error: str, note: str, status: str = ERROR) -> None:
        self._drop_connection()
        operation = self._operation
        if operation is None:
            return
        self._stamp_operation(operation)
        operation.end = monotonic_ns()
        operation.fail(error, note, status)
        self._hand_back(operation)

    def _stamp_operation(self, operation: Operation) -> None:
        answer = self._answer
        operation.first = answer.first_ns
        operation.last = answer.stamps[-1] if answer.stamps else answer.first_ns
        head = len(answer.head) + 4 if answer.head else 0  # with the blank line that ended it
        operation.bytes_in = head + self._unkept + sum(map(len, answer.reads))

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
        kernel_stamps: bool = False,
    ) -> None:
        self.address = parse(url)
        self.connector = Connector(self.address, verify_tls=verify_tls, connect_timeout_s=connect_timeout_s)
        self.build = build
        self.keep: Callable[[Operation], bool] = keep if callable(keep) else (lambda _: bool(keep))
        self.bodyless: Callable[[Operation], bool] = bodyless or (lambda _: False)
        self.connect_ns: list[int] = []
        self.connects_in_load = 0
        self.early_closes = 0
        self.kernel_stamps = kernel_stamps and not self.address.tls
        self._kernel_clock = KernelClock()
        self._delays_ns: list[int] = []
        self._ahead: dict[int, bytes | Buffers] = {}
        self._slots: list[HttpSlot] = []

    def open_slot(self, loop: Loop, done: Done) -> HttpSlot:
        """Connected when the loop is not running yet; else it connects as part of its first operation."""
        slot = HttpSlot(self, loop, done)
        if self.kernel_stamps and not self._slots:
            self._look_at_clock(loop)
        self._slots.append(slot)
        if not loop.running:
            slot.connect()
        return slot

    def stamp(self, sock: socket.socket) -> bool:
        """Ask the kernel for receive times of this socket, if the client wants them."""
        return self.kernel_stamps and enable(sock)

    def _look_at_clock(self, loop: Loop) -> None:
        self._kernel_clock.look()
        loop.call_at(monotonic_ns() + LOOK_NS, lambda: self._look_at_clock(loop))

    # requests made before the load

    def build_ahead(self, operations: Iterable[Operation]) -> int:
        """Build requests before T0, in order, until 64 MiB are held; returns how many. The rest is built when due."""
        size = 0
        for operation in operations:
            built = self.build(operation)
            self._ahead[operation.seq] = built
            size += len(built) if isinstance(built, bytes) else sum(map(len, built))
            if size > AHEAD_BYTES:
                break
        return len(self._ahead)

    def request(self, operation: Operation) -> bytes | Buffers:
        """The bytes to send, built ahead or now."""
        ahead = self._ahead.pop(operation.seq, None)
        return self.build(operation) if ahead is None else ahead

    # after the load

    def settle(self, operations: Sequence[Operation]) -> None:
        """Decode the kernel's stamps of all answers: `HttpAnswer.stamps` and the operations' times become those.

        The difference to the reads is how long data waited for this process: `facts` reports it.
        """
        for operation in operations:
            answer = operation.detail
            if not isinstance(answer, HttpAnswer) or len(answer.kernel) != len(answer.stamps) or not answer.stamps:
                continue
            decoded = self._kernel_clock.convert(answer.kernel, answer.stamps)
            self._delays_ns += [read - stamp for read, stamp in zip(answer.stamps, decoded, strict=True)]
            if operation.end == operation.last:
                operation.end = decoded[-1]
            operation.last = decoded[-1]
            operation.first = answer.first_ns = min(operation.first, decoded[0])
            answer.stamps = decoded
            answer.kernel = []

    def facts(self) -> dict[str, Any]:
        """Connect times in seconds (before T0), connections made during the load, and how stamps were taken."""
        return {
            "connect_s": [ns / 1e9 for ns in self.connect_ns],
            "connects_in_load": self.connects_in_load,
            "reuses_connections": self.early_closes < EARLY_CLOSES,
            "timestamps": "kernel" if self.kernel_stamps else "user",
            "read_delay_ns": spread(self._delays_ns),
            "clock_steps": self._kernel_clock.steps,
        }

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
