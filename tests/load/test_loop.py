"""Rules of the event loop."""

from __future__ import annotations

import os

from aifbench.clock import monotonic_ns
from aifbench.load.loop import READ, Loop


def test_timers_fire_in_order_of_their_instants_and_never_early() -> None:
    loop = Loop()
    fired: list[tuple[int, int]] = []
    base = monotonic_ns()
    for offset in (3_000_000, 1_000_000, 2_000_000):
        when = base + offset
        loop.call_at(when, lambda when=when: fired.append((when, monotonic_ns())))  # type: ignore[misc]
    loop.call_at(base + 4_000_000, loop.stop)
    loop.run()
    assert [when - base for when, _ in fired] == [1_000_000, 2_000_000, 3_000_000]
    assert all(at >= when for when, at in fired)


def test_a_cancelled_timer_does_not_fire() -> None:
    loop = Loop()
    fired: list[str] = []
    loop.call_at(monotonic_ns() + 1_000_000, lambda: fired.append("cancelled")).cancel()
    loop.call_at(monotonic_ns() + 2_000_000, loop.stop)
    loop.run()
    assert fired == []


def test_a_past_instant_fires_at_once() -> None:
    loop = Loop()
    loop.call_at(1, loop.stop)
    loop.run()


def test_a_ready_descriptor_calls_back_with_its_mask_until_it_is_unwatched() -> None:
    loop = Loop()
    reading, writing = os.pipe()
    seen: list[int] = []

    def on_ready(mask: int) -> None:
        seen.append(mask)
        os.read(reading, 1)
        if len(seen) == 2:
            loop.unwatch(reading)
            loop.stop()

    loop.watch(reading, READ, on_ready)
    os.write(writing, b"ab")
    loop.run()
    assert seen == [READ, READ]
    os.close(reading)
    os.close(writing)


def test_a_loop_with_nothing_to_wait_for_returns() -> None:
    Loop().run()
