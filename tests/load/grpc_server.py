"""A real gRPC server of known behaviour, in threads of the test's process or as a program of its own.

A request is text: `echo`, `stream COUNT GAP_MS`, `fail CODE [AFTER]`, `sleep MS`.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aifbench.clock import monotonic_ns, sleep_s
from aifbench.load.transport.grpc_channel import library

UNARY = "/test.Known/Unary"
STREAM = "/test.Known/Stream"


@dataclass
class Known:
    """What the server saw: when it handed over each message, deadlines, peers, and calls that clients gave up."""

    address: str = ""
    written_ns: list[list[int]] = field(default_factory=list)
    remaining_s: list[float] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    peers: set[str] = field(default_factory=set)
    gone: threading.Event = field(default_factory=threading.Event)

    def _look(self, context: Any) -> None:
        self.remaining_s.append(context.time_remaining())
        self.metadata.append({entry.key: entry.value for entry in context.invocation_metadata()})
        self.peers.add(context.peer())
        context.add_callback(self.gone.set)

    def unary(self, request: bytes, context: Any) -> bytes:
        self._look(context)
        word, *rest = request.decode("latin-1").split()
        if word == "fail":
            self._fail(context, rest[0])
        if word == "sleep":
            sleep_s(int(rest[0]) / 1000)
        return request

    def stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        self._look(context)
        word, *rest = request.decode().split()
        count, gap_ms = (int(rest[0]), int(rest[1])) if word == "stream" else (int(rest[1]), 0)
        mine: list[int] = []
        self.written_ns.append(mine)
        for number in range(count):
            sleep_s(gap_ms / 1000)
            mine.append(monotonic_ns())
            yield f"message {number}".encode()
        if word == "fail":
            self._fail(context, rest[0])

    @staticmethod
    def _fail(context: Any, code: str) -> None:
        grpc = library()
        context.abort(grpc.StatusCode[code], "as asked")


@contextlib.contextmanager
def serving(key: Path | None = None, cert: Path | None = None) -> Iterator[Known]:
    """With TLS where a key and its certificate are given."""
    grpc = library()
    known = Known()
    server = grpc.server(ThreadPoolExecutor(32))
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(known.unary),
        "Stream": grpc.unary_stream_rpc_method_handler(known.stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Known", handlers),))
    if key is not None and cert is not None:
        tls = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
        known.address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', tls)}"
    else:
        known.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield known
    finally:
        server.stop(None).wait()


if __name__ == "__main__":
    with serving() as here:
        print(here.address, flush=True)
        sys.stdin.read()
