"""Drives clients without the load engine: a number of operations, one after the other per slot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aifbench.clock import monotonic_ns
from aifbench.load.loop import Loop
from aifbench.model.operation import OK, Operation
from aifbench.model.service import Target
from aifbench.workloads.base import (
    WORKLOADS,
    BlockingClient,
    PrepareContext,
    Slot,
    WireClient,
    WorkerContext,
    Workload,
)


def make(name: str, **options: Any) -> Workload:
    kind = WORKLOADS.load(name)
    return kind(kind.recipe_keys(**options))


def prepare_context(target: Target, folder: Path, preparation: str = "p1", run: str = "20260101-run") -> PrepareContext:
    folder.mkdir(parents=True, exist_ok=True)
    return PrepareContext(run, preparation, target, str(folder), 7, lambda _: None)


def worker_context(
    target: Target, prepared: Mapping[str, Any], folder: Path, *, seed: int = 1, worker: int = 0, workers: int = 1
) -> WorkerContext:
    folder.mkdir(parents=True, exist_ok=True)
    return WorkerContext("20260101-run", target, prepared, str(folder), str(folder), seed, worker, workers, 10.0)


def drive_wire(
    client: WireClient, count: int, *, slots: int = 1, timeout_s: float = 10.0, first: int = 0
) -> list[Operation]:
    """`count` operations over `slots` connections, ended by `timeout_s` each; in the order in which they ended."""
    loop: Loop = getattr(client, "make_loop", Loop)()
    ended: list[Operation] = []
    flying: dict[Slot, Operation] = {}
    numbers = iter(range(first, first + count))
    more: list[Slot] = []

    def offer(slot: Slot) -> None:
        seq = next(numbers, None)
        if seq is None:
            if not flying:
                loop.stop()
            return
        operation = Operation(seq, client.kind(seq), monotonic_ns())
        flying[slot] = operation
        loop.call_at(monotonic_ns() + round(timeout_s * 1e9), lambda: expire(slot, operation))
        slot.start(operation)

    def expire(slot: Slot, operation: Operation) -> None:
        if flying.get(slot) is operation:
            slot.cancel("timeout", "timeout")

    def done(slot: Slot, operation: Operation) -> None:
        del flying[slot]
        ended.append(operation)
        more.append(slot)
        loop.call_at(monotonic_ns(), next_one)

    def next_one() -> None:
        offer(more.pop())

    opened = [client.open_slot(loop, done) for _ in range(slots)]
    for slot in opened:
        more.append(slot)
        loop.call_at(monotonic_ns(), next_one)
    loop.run()
    return ended


def drive_blocking(client: BlockingClient, count: int, *, users: int = 1, first: int = 0) -> list[Operation]:
    """`count` operations by `users` in turn, in one thread."""
    opened = [client.open_user(user) for user in range(users)]
    ended = []
    for seq in range(first, first + count):
        operation = Operation(seq, client.kind(seq), monotonic_ns())
        operation.start = monotonic_ns()
        opened[seq % users].perform(operation)
        operation.end = monotonic_ns()
        operation.status = operation.status or OK
        ended.append(operation)
    for user in opened:
        user.close()
    return ended
