"""gRPC calls, unary and server-streaming, as bytes in and bytes out: `grpc.aio` on the engine's loop.

Each message is stamped when the library hands it over; nothing is decoded before the load is over. One slot carries
one call at a time and has a connection of its own, or shares one with as many others as the client is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.load.aio import AioLoop
from aifbench.load.transport.grpc_channel import Metadata, credentials, library, not_ready, parse, settings, words
from aifbench.model.operation import ERROR, OK, TIMEOUT, Operation
from aifbench.model.service import Endpoint
from aifbench.workloads.base import Done

DEADLINE = "grpc-deadline-exceeded"
CONNECT_WITHIN_S = 10.0
TIMER_STEP_NS = 1_000_000
"""gRPC's own deadlines count in milliseconds."""


class GrpcAnswer:
    """What came back. `stamps` are monotonic nanoseconds, one per message; `messages` are kept where asked for.

    `code` is gRPC's status in lower case (`ok`, `unavailable`), or empty for a call that was given up here.
    """

    __slots__ = ("code", "details", "messages", "stamps")

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.stamps: list[int] = []
        self.code = ""
        self.details = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, tuple(getattr(self, name) for name in self.__slots__)


def _again(*values: Any) -> GrpcAnswer:
    answer = GrpcAnswer()
    for name, value in zip(GrpcAnswer.__slots__, values, strict=True):
        setattr(answer, name, value)
    return answer


class GrpcClient:
    """Slots for one method of one server. `build` gives the request's bytes just before the start of an operation.

    The server is told of `timeout_s` as the call's deadline.
    """

    reuses_connections = True

    def __init__(
        self,
        endpoint: Endpoint,
        method: str,
        build: Callable[[Operation], bytes],
        *,
        timeout_s: float,
        streaming: bool = False,
        metadata: Metadata = (),
        keep: bool = True,
        calls_per_connection: int = 1,
    ) -> None:
        self.address = parse(endpoint.url)
        self._attributes = endpoint.attributes
        self.method = method
        self.build = build
        self.timeout_s = timeout_s
        self.streaming = streaming
        self.metadata = metadata
        self.keep = keep
        self._share = calls_per_connection
        self._loop: AioLoop | None = None
        self._channels: list[Any] = []
        self._slots = 0
        self._calls: Any = None
        self.connect_ns: list[int] = []
        self.connects_in_load = 0

    def make_loop(self) -> AioLoop:
        """The loop on which the slots run."""
        self._loop = AioLoop()
        return self._loop

    def open_slot(self, loop: AioLoop, done: Done) -> GrpcSlot:
        """Connected when the loop is not running yet; else gRPC connects as part of the first call."""
        if self._slots % self._share == 0:
            self._connect(loop)
        self._slots += 1
        return GrpcSlot(self, loop, done, self._calls)

    def _connect(self, loop: AioLoop) -> None:
        if loop.running:
            self.connects_in_load += 1
            channel = self._open()
        else:
            before = monotonic_ns()
            channel = loop.complete(self._ready())
            self.connect_ns.append(monotonic_ns() - before)
        self._channels.append(channel)
        kind = channel.unary_stream if self.streaming else channel.unary_unary
        self._calls = kind(self.method)  # without serializers: bytes

    def _open(self) -> Any:
        grpc = library()
        if self.address.tls:
            return grpc.aio.secure_channel(self.address.name, credentials(self._attributes), options=settings())
        return grpc.aio.insecure_channel(self.address.name, options=settings())

    async def _ready(self) -> Any:
        """A connected channel. Raises OSError or LoadError."""
        grpc = library()
        channel = self._open()
        try:
            async with asyncio.timeout(min(self.timeout_s, CONNECT_WITHIN_S)):
                state = channel.get_state(try_to_connect=True)
                while state is not grpc.ChannelConnectivity.READY:
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        raise TimeoutError
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            await channel.close()
            raise not_ready(self.address, self._attributes, CONNECT_WITHIN_S) from None
        return channel

    def facts(self) -> Mapping[str, Any]:
        return {
            "connect_s": [ns / NS_PER_S for ns in self.connect_ns],
            "connections": len(self._channels),
            "connects_in_load": self.connects_in_load,
            "timestamps": "user",
            "event_loop": None if self._loop is None else self._loop.kind,
        }

    def close(self) -> None:
        if self._loop is not None and self._channels:
            self._loop.complete(_close(self._channels))
        self._channels = []


async def _close(channels: list[Any]) -> None:
    await asyncio.gather(*(channel.close() for channel in channels))


class GrpcSlot:
    """One call at a time."""

    def __init__(self, client: GrpcClient, loop: AioLoop, done: Done, calls: Any) -> None:
        self._client = client
        self._loop = loop
        self._done = done
        self._calls = calls
        self._call: Any = None
        self._operation: Operation | None = None

    def start(self, operation: Operation) -> None:
        client = self._client
        request = client.build(operation)
        operation.bytes_out = len(request)
        operation.detail = GrpcAnswer()
        operation.start = monotonic_ns()
        self._operation = operation
        self._call = self._calls(request, timeout=client.timeout_s, metadata=client.metadata)
        self._loop.spawn(self._carry(self._call, operation, operation.detail))

    async def _carry(self, call: Any, operation: Operation, answer: GrpcAnswer) -> None:
        try:
            await (self._stream if self._client.streaming else self._single)(call, operation, answer)
        except asyncio.CancelledError:
            if operation.status:  # given up: it has been told already
                return
            operation.fail("grpc-cancelled", call.details() if call.done() else "")
        except Exception as error:  # noqa: BLE001 - whatever the library raises is this operation's failure
            self._judge(operation, answer, error)
        if self._operation is operation:
            self._end(operation)

    async def _single(self, call: Any, operation: Operation, answer: GrpcAnswer) -> None:
        message = await call
        self._take(message, operation, answer, self._client.keep)
        answer.code = "ok"

    async def _stream(self, call: Any, operation: Operation, answer: GrpcAnswer) -> None:
        from grpc.aio import EOF

        read, take, keep = call.read, self._take, self._client.keep
        while (message := await read()) is not EOF:
            if operation.status:
                return
            take(message, operation, answer, keep)
        answer.code = "ok"

    @staticmethod
    def _take(message: bytes, operation: Operation, answer: GrpcAnswer, keep: bool) -> None:
        answer.stamps.append(monotonic_ns())
        operation.bytes_in += len(message)
        if keep:
            answer.messages.append(message)

    def _judge(self, operation: Operation, answer: GrpcAnswer, error: Any) -> None:
        """A failed call's code as error kind; past our own deadline it is a time-out, before it the server's word."""
        if not hasattr(error, "code"):
            operation.fail(f"client-{type(error).__name__}", str(error))
            return
        answer.code, answer.details = words(error)
        kind = f"grpc-{answer.code}"
        late = monotonic_ns() - operation.start >= self._client.timeout_s * NS_PER_S - TIMER_STEP_NS
        operation.fail(kind, answer.details, status=TIMEOUT if kind == DEADLINE and late else ERROR)

    def _end(self, operation: Operation) -> None:
        operation.end = monotonic_ns()
        answer = operation.detail
        if answer.stamps:
            operation.first, operation.last = answer.stamps[0], answer.stamps[-1]
        operation.status = operation.status or OK
        self._operation = self._call = None
        self._done(self, operation)

    def cancel(self, status: str, error: str) -> None:
        operation, call = self._operation, self._call
        if operation is None:
            return
        operation.fail(DEADLINE if status == TIMEOUT else error, status=status)
        call.cancel()
        self._end(operation)

    def close(self) -> None:
        """Connections are shared: the client closes them."""
