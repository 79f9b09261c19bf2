"""Many HTTP exchanges outside of any measurement: filling a target before a load, emptying it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.errors import LoadError
from aifbench.load.loop import Loop
from aifbench.load.transport.http import Buffers, HttpClient
from aifbench.load.transport.refusal import explain
from aifbench.load.transport.trust import SYSTEM, Trust
from aifbench.model.operation import Operation
from aifbench.workloads.base import Slot


def exchange_all(
    url: str,
    requests: Mapping[int, Callable[[], Buffers]],
    *,
    at_once: int = 8,
    bodyless: bool = False,
    trust: Trust = SYSTEM,
    timeout_s: float = 60.0,
) -> dict[int, Operation]:
    """Do all of them over a few connections; each request is built just before it is sent.

    Returns how each ended, its `HttpAnswer` in `detail`. Raises LoadError when nothing answers at the address;
    an exchange that takes longer than `timeout_s` ends as a time-out.
    """
    loop = Loop()
    client = HttpClient(url, lambda operation: requests[operation.seq](), bodyless=lambda _: bodyless, trust=trust)
    waiting = iter(requests)
    ended: dict[int, Operation] = {}
    flying: dict[Slot, Operation] = {}

    def offer(slot: Slot) -> None:
        number = next(waiting, None)
        if number is not None:
            operation = flying[slot] = Operation(number, "request", monotonic_ns())
            loop.call_at(monotonic_ns() + round(timeout_s * NS_PER_S), lambda: expire(slot, operation))
            slot.start(operation)
        elif len(ended) == len(requests):
            loop.stop()

    def expire(slot: Slot, operation: Operation) -> None:
        if flying.get(slot) is operation:
            slot.cancel("timeout", "timeout")

    def later(slot: Slot) -> None:
        """Not inside the slot's own callback, so that a thousand quick answers do not nest."""
        loop.call_at(monotonic_ns(), lambda: offer(slot))

    def done(slot: Slot, operation: Operation) -> None:
        del flying[slot]
        ended[operation.seq] = operation
        later(slot)

    try:
        for _ in range(min(at_once, len(requests))):
            later(client.open_slot(loop, done))
        if requests:
            loop.run()
    except OSError as error:
        words, hint = explain(error)
        raise LoadError(f"cannot connect to {client.address.host_header}: {words}", hint=hint) from error
    finally:
        client.close()
        loop.close()
    return ended
