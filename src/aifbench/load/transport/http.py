"""HTTP/1.1 clients of one address: requests as ready bytes, slots that carry them, stamps decoded afterwards."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aifbench.clock import monotonic_ns
from aifbench.load.loop import Loop
from aifbench.load.transport.address import Address, parse
from aifbench.load.transport.connector import Connector
from aifbench.load.transport.delays import Delays
from aifbench.load.transport.framing import Head, parse_head
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.http_slot import HttpSlot
from aifbench.load.transport.kernel_time import KernelClock, enable
from aifbench.load.transport.trust import SYSTEM, Trust
from aifbench.model.operation import OK, Operation
from aifbench.workloads.base import Done

Buffers = tuple[bytes | memoryview, ...]
Build = Callable[[Operation], "bytes | Buffers"]

LOOK_NS = 100_000_000
AHEAD_BYTES = 64 << 20
EARLY_CLOSES = 3
"""A server that closed this many connections right after an answer does not mean its keep-alive: from then on each
operation makes its own connection, as part of its time."""


def encode_request(
    method: str, path: str, address: Address, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """The whole request as bytes.

    Compression is refused unless `headers` say something else, so that bytes on the wire are bytes of content.
    """
    lines = [f"{method} {address.prefix}{path} HTTP/1.1", f"Host: {address.host_header}"]
    given = {name.lower() for name in headers or {}}
    if "accept-encoding" not in given:
        lines.append("Accept-Encoding: identity")
    if body is not None and "content-length" not in given:
        lines.append(f"Content-Length: {len(body)}")
    if body is not None and "content-type" not in given:
        lines.append("Content-Type: application/json")
    for name, value in (headers or {}).items():
        if any(sign in name + value for sign in "\r\n"):
            raise ValueError(f"header {name!r} holds a line break")
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class HttpClient:
    """Slots to one address. `build` makes the request bytes just before the start of an operation.

    `keep` says whether the body of an operation's answer is kept (answers of 300 and above always are);
    `bodyless` says whether its answer has no body whatever the head says (HEAD). `compressed`: compressed answers were
    asked for; else each is an error of kind `compressed`.
    """

    def __init__(
        self,
        url: str,
        build: Build,
        *,
        keep: Callable[[Operation], bool] | bool = True,
        bodyless: Callable[[Operation], bool] | None = None,
        trust: Trust = SYSTEM,
        connect_timeout_s: float = 10.0,
        kernel_stamps: bool = False,
        compressed: bool = False,
    ) -> None:
        self.address = parse(url)
        self.connector = Connector(self.address, trust=trust, connect_timeout_s=connect_timeout_s)
        self.build = build
        self.keep: Callable[[Operation], bool] = keep if callable(keep) else (lambda _: bool(keep))
        self.bodyless: Callable[[Operation], bool] = bodyless or (lambda _: False)
        self.compressed = compressed
        self.connect_ns: list[int] = []
        self.connects_in_load = 0
        self.early_closes = 0
        self.kernel_stamps = kernel_stamps and not self.address.tls and not self.address.unix_path
        self._kernel_clock = KernelClock()
        self._delays = Delays()
        self._stamps = 0
        self._stamps_replaced = 0
        self._ahead: dict[int, bytes | Buffers] = {}
        self._slots: list[HttpSlot] = []
        self._last_head = b""
        self._last_parsed = Head(0, None, chunked=False, keep_alive=False)

    def open_slot(self, loop: Loop, done: Done) -> HttpSlot:
        """Connected when the loop is not running yet; else it connects as part of its first operation."""
        slot = HttpSlot(self, loop, done)
        if self.kernel_stamps and not self._slots:
            self._look_at_clock(loop)
        self._slots.append(slot)
        if not loop.running:
            slot.connect()
        return slot

    @property
    def kernel_stamped(self) -> bool:
        """Whether receive times are the kernel's, so that reading a little later changes none of them."""
        return self.kernel_stamps

    @property
    def reuses_connections(self) -> bool:
        return self.early_closes < EARLY_CLOSES

    def parsed_head(self, head: bytes) -> Head:
        """What a response head says; heads are often the same to the byte. Raises FramingError."""
        if head != self._last_head:
            self._last_parsed = parse_head(head)
            self._last_head = head
        return self._last_parsed

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
        import numpy as np

        stamped = [operation for operation in operations if _has_kernel_stamps(operation.detail)]
        reads = [stamp for operation in stamped for stamp in operation.detail.stamps]
        raw = [stamp for operation in stamped for stamp in operation.detail.kernel]
        decoded = self._kernel_clock.convert(raw, reads)
        self._stamps += len(decoded.stamps)
        self._stamps_replaced += decoded.replaced
        self._delays.add(np.asarray(reads, np.int64) - np.asarray(decoded.stamps, np.int64))
        at = 0
        for operation in stamped:
            answer = operation.detail
            mine = decoded.stamps[at : at + len(answer.stamps)]
            at += len(mine)
            if operation.end == operation.last:
                operation.end = mine[-1]
            operation.last = mine[-1]
            operation.first = answer.first_ns = min(operation.first, mine[0])
            answer.stamps = mine
            answer.kernel = []

    def facts(self) -> dict[str, Any]:
        """Connect times in seconds (before T0), connections made during the load, and how stamps were taken."""
        return {
            "connect_s": [ns / 1e9 for ns in self.connect_ns],
            "connects_in_load": self.connects_in_load,
            "reuses_connections": self.reuses_connections,
            "timestamps": "kernel" if self.kernel_stamps else "user",
            "read_delay_ns": self._delays.spread(),
            "stamps": self._stamps,
            "stamps_replaced": self._stamps_replaced,
            "clock_steps": self._kernel_clock.steps,
        }

    def close(self) -> None:
        for slot in self._slots:
            slot.close()


def _has_kernel_stamps(answer: Any) -> bool:
    return isinstance(answer, HttpAnswer) and bool(answer.stamps) and len(answer.kernel) == len(answer.stamps)


def fetch(
    url: str,
    method: str = "GET",
    path: str = "",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_s: float = 30.0,
    trust: Trust = SYSTEM,
) -> HttpAnswer:
    """One exchange outside any measurement (preparing, describing), waited for. OSError says why there is no answer."""
    finished: list[Operation] = []
    loop = Loop()
    address = parse(url)
    request = encode_request(method, path or "/", address, body, headers)

    def done(_slot: Any, operation: Operation) -> None:
        finished.append(operation)
        loop.stop()

    client = HttpClient(
        url, lambda _: request, bodyless=lambda _: method == "HEAD", trust=trust, connect_timeout_s=timeout_s
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
        kind = operation.error
        raise OSError(f"{operation.note} ({kind})" if operation.note else kind)
    return answer
