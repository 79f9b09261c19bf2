"""One keep-alive connection on the engine's loop: sends ready bytes, stamps each read, finds the end of the answer.

A time is taken right after the read that brought the bytes, before anything looks at them; only the head and the
framing are examined while the load runs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from typing import TYPE_CHECKING

from aifbench.clock import monotonic_ns
from aifbench.load.loop import READ, WRITE, Loop
from aifbench.load.transport.framing import ChunkedEnd, FramingError, Head, may_begin, no_status_line
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.kernel_time import ANCILLARY_SIZE
from aifbench.load.transport.refusal import error_kind, explain
from aifbench.model.operation import CANCELLED, ERROR, OK, STALE, Operation
from aifbench.workloads.base import Done

if TYPE_CHECKING:
    from aifbench.load.transport.http import HttpClient

READ_SIZE = 65536
NOTE_BYTES = 300
EARLY_CLOSE_NS = 100_000_000


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
        self._shaking: ssl.SSLSocket | None = None  # TLS is being agreed on
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
        """True when the connection is there already, ready to send."""
        try:
            self._sock, ready = self._client.connector.begin()
        except OSError as error:
            self._fail_connecting(error)
            return False
        self._client.connects_in_load += 1
        self._used = False
        self._stamped = self._client.stamp(self._sock)
        self._connecting = not ready
        self._loop.watch(self._sock.fileno(), READ if ready else WRITE, self._on_ready)
        if ready and self._tls:
            self._begin_tls(self._sock)
            return False
        return ready

    def _on_connected(self) -> None:
        sock = self._sock
        if sock is None:
            return
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail_connecting(OSError(code, os.strerror(code)))
            return
        self._connecting = False
        if self._tls:
            self._begin_tls(sock)
        else:
            self._loop.watch(sock.fileno(), READ, self._on_ready)
            self._begin_sending()

    def _begin_tls(self, sock: socket.socket) -> None:
        self._loop.unwatch(sock.fileno())
        try:
            self._sock = self._shaking = self._client.connector.secure(sock)
        except OSError as error:
            self._sock = None
            sock.close()
            self._fail_connecting(error)
            return
        self._shake()

    def _shake(self) -> None:
        """One more step of the TLS handshake."""
        sock = self._shaking
        assert sock is not None
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self._loop.watch(sock.fileno(), READ, self._on_ready)
        except ssl.SSLWantWriteError:
            self._loop.watch(sock.fileno(), WRITE, self._on_ready)
        except OSError as error:
            self._fail_connecting(error)
        else:
            self._shaking = None
            self._loop.watch(sock.fileno(), READ, self._on_ready)
            self._begin_sending()

    def _fail_connecting(self, error: OSError) -> None:
        self._finish_failed(error_kind(error), f"connecting: {explain(error)[0]}")

    def _begin_sending(self) -> None:
        """On a connection that was made for this operation."""
        self._answer.begun_ns = monotonic_ns()
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
        operation.start = answer.begun_ns = monotonic_ns()
        if self._sock is None:
            answer.reused = False
            if self._begin_connecting():
                self._begin_sending()
        else:
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
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
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
        if self._shaking is not None:
            self._shake()
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
                if not may_begin(self._buffer):
                    self._finish_failed("bad-http", str(no_status_line(self._buffer)))
                elif len(self._buffer) > 65536:
                    self._finish_failed("bad-http", "a response head of more than 64 KiB")
                return b""
            try:
                parsed = self._client.parsed_head(head)
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
            self._finish_failed(STALE, "the server had closed this keep-alive connection", CANCELLED)
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
        head = self._head
        if self._answer.status >= 300:
            self._fail_by_status(operation)
        elif head is not None and head.encoding and not self._client.compressed:
            operation.fail("compressed", f"the answer is compressed ({head.encoding}), although that was refused")
        else:
            operation.status = OK
        self._used = True
        if not keep_alive or not self._client.reuses_connections:
            self._drop_connection()
        self._hand_back(operation)

    def _fail_by_status(self, operation: Operation) -> None:
        answer = self._answer
        note = ""
        with contextlib.suppress(FramingError):
            note = answer.body()[:NOTE_BYTES].decode("utf-8", "replace")
        if answer.status < 400:
            note = f"{answer.status} to {answer.header('location') or 'nowhere'}"
        operation.fail("redirect" if answer.status < 400 else f"http-{answer.status}", note)

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
        self._shaking = None
        if self._sock is not None:
            self._loop.unwatch(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def close(self) -> None:
        self._drop_connection()
