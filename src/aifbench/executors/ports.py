"""Free ports of this machine, found by binding.

Ports are taken from below the range that the kernel gives to outgoing connections: a load generator that opens
thousands of connections must not take the port between the moment it is found free and the service's own bind.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.errors import ExecutorError

LOOPBACK = "127.0.0.1"
LOWEST = 15_000
NOT_AGAIN_S = 300.0
"""A port handed out is not handed out again for so long: its taker may not have bound it yet."""


def outgoing_range(text: str) -> tuple[int, int]:
    """First and last port for outgoing connections, from the text of ip_local_port_range."""
    low, high = text.split()
    return int(low), int(high)


class FreePorts:
    """Hands out free ports. Two controllers start at different places, by their pids."""

    def __init__(self) -> None:
        try:
            low, _ = outgoing_range(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text())
        except (OSError, ValueError):
            low = 32_768
        self._first, self._last = (LOWEST, low - 1) if low - LOWEST >= 1000 else (LOWEST, 65_535)
        span = self._last - self._first + 1
        self._next = self._first + os.getpid() * 101 % span
        self._given_ns: dict[int, int] = {}

    def take(self, names: Sequence[str]) -> dict[str, int]:
        """A free port for each name, all different; raises ExecutorError when the range is used up."""
        with ExitStack() as held:
            return {name: self._one(held, name) for name in names}

    def _one(self, held: ExitStack, name: str) -> int:
        now_ns = monotonic_ns()
        for _ in range(self._last - self._first + 1):
            port = self._next
            self._next = self._first if port == self._last else port + 1
            given_ns = self._given_ns.get(port)
            if given_ns is not None and now_ns - given_ns < NOT_AGAIN_S * NS_PER_S:
                continue
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            self._given_ns[port] = now_ns
            return port
        raise ExecutorError(
            f"no free port for {name} between {self._first} and {self._last} on {LOOPBACK}",
            hint="end programs that listen there: ss -ltnp lists them",
        )
