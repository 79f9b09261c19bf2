"""The reference: a plain grpc.aio client, pinned to one core, that records the time of every message.

`python -m benchmarks.support.grpc_client PORT STREAMS SECONDS REQUEST CPU` prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import grpc

from benchmarks.support.grpc_server import METHOD


async def main(port: str, streams: int, seconds: float, request: bytes) -> dict[str, float]:
    settings = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=settings) for _ in range(streams)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    stamps: list[int] = []
    end, wall, cpu = time.monotonic() + seconds, time.monotonic(), time.process_time()

    async def user(channel: grpc.aio.Channel) -> None:
        method = channel.unary_stream(METHOD)
        while time.monotonic() < end:
            async for _ in method(request):
                stamps.append(time.monotonic_ns())  # noqa: PERF401 - as a client would

    await asyncio.gather(*(user(channel) for channel in channels))
    found = {"messages": len(stamps), "cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}
    await asyncio.gather(*(channel.close() for channel in channels))
    return found


if __name__ == "__main__":
    _, port_, streams_, seconds_, request_, cpu_ = sys.argv
    if cpu_:
        os.sched_setaffinity(0, {int(cpu_)})
    json.dump(asyncio.run(main(port_, int(streams_), float(seconds_), request_.encode())), sys.stdout)
