"""A gRPC server that streams small messages: `python -m benchmarks.support.grpc_server CPU`; prints its port.

A request is `COUNT GAP_MS`. When its standard input ends it prints its CPU seconds and ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

METHOD = "/bench.Stream/Messages"
MESSAGE = b"x" * 64


async def messages(request: bytes, _: Any) -> AsyncIterator[bytes]:
    count, gap_ms = request.decode().split()
    for _number in range(int(count)):
        if gap_ms != "0":
            await asyncio.sleep(int(gap_ms) / 1000)
        yield MESSAGE


async def main() -> None:
    server = grpc.aio.server()
    methods = {"Messages": grpc.unary_stream_rpc_method_handler(messages)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Stream", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    cpu = time.process_time()
    await asyncio.to_thread(sys.stdin.read)
    print(time.process_time() - cpu, flush=True)
    await server.stop(None)


if __name__ == "__main__":
    if sys.argv[1]:
        os.sched_setaffinity(0, {int(sys.argv[1])})
    asyncio.run(main())
