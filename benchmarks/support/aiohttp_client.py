"""The reference: a plain aiohttp client, pinned to one core, that records the time of every read.

`python -m benchmarks.support.aiohttp_client URL streams|requests CONCURRENCY SECONDS TOKENS CPU` prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import aiohttp


async def stream(session: aiohttp.ClientSession, url: str, tokens: int, found: dict[str, Any]) -> None:
    body = {"messages": [{"role": "user", "content": "word " * 32}], "max_tokens": tokens, "stream": True}
    sent = time.monotonic_ns()
    stamps = []
    first = b""
    async with session.post(f"{url}/v1/chat/completions", json=body) as response:
        async for line in response.content:
            if line.startswith(b"data: {") and b'"content"' in line:
                stamps.append(time.monotonic_ns())
                first = first or line
    found["streams"].append({"number": int(json.loads(first[6:])["id"].split("-")[1]), "sent": sent, "stamps": stamps})


async def request(session: aiohttp.ClientSession, url: str, found: dict[str, Any]) -> None:
    sent = time.monotonic_ns()
    async with session.get(f"{url}/instant") as response:
        await response.read()
    found["requests"].append((sent, time.monotonic_ns()))


async def main(url: str, kind: str, concurrency: int, seconds: float, tokens: int) -> dict[str, Any]:
    found: dict[str, Any] = {"streams": [], "requests": []}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        end = time.monotonic() + seconds
        cpu = time.process_time()

        async def user() -> None:
            while time.monotonic() < end:
                if kind == "streams":
                    await stream(session, url, tokens, found)
                else:
                    await request(session, url, found)

        await asyncio.gather(*(user() for _ in range(concurrency)))
        found["cpu_s"] = time.process_time() - cpu
    return found


if __name__ == "__main__":
    _, url_, kind_, concurrency_, seconds_, tokens_, cpu_ = sys.argv
    if cpu_:
        os.sched_setaffinity(0, {int(cpu_)})
    result = asyncio.run(main(url_, kind_, int(concurrency_), float(seconds_), int(tokens_)))
    result["requests"] = len(result["requests"])
    json.dump(result, sys.stdout)
