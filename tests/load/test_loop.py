"""Rules of the event loop."""

from __future__ import annotations

import asyncio
import os

import pytest

from aifbench.clock import monotonic_ns
from aifbench.load.aio import AioLoop
from aifbench.load.loop import READ, Loop

both = pytest.mark.parametrize("kind", [Loop, AioLoop])


@both
def test_timers_fire_in_order_of_their_instants_and_never_early(kind: type[Loop]) -> None:
    loop = kind()
    fired: list[tuple[int, int]] = []
    base = monotonic_ns()
    for offset in (3_000_000, 1_000_000, 2_000_000):
        when = base + offset
        loop.call_at(when, lambda when=when: fired.append((when, monotonic_ns())))  # type: ignore[misc]
    loop.call_at(base + 4_000_000, loop.stop)
    loop.run()
    assert [when - base for when, _ in fired] == [1_000_000, 2_000_000, 3_000_000]
    assert all(at >= when for when, at in fired)


@both
def test_a_cancelled_timer_does_not_fire(kind: type[Loop]) -> None:
    loop = kind()
    fired: list[str] = []
    loop.call_at(monotonic_ns() + 1_000_000, lambda: fired.append("cancelled")).cancel()
    loop.call_at(monotonic_ns() + 2_000_000, loop.stop)
    loop.run()
    assert fired == []


@both
def test_a_past_instant_fires_at_once(kind: type[Loop]) -> None:
    loop = kind()
    loop.call_at(1, loop.stop)
    loop.run()


@both
def test_a_ready_descriptor_calls_back_with_its_mask_until_it_is_unwatched(kind: type[Loop]) -> None:
    loop = kind()
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


@both
def test_a_loop_with_nothing_to_wait_for_returns(kind: type[Loop]) -> None:
    kind().run()


def test_a_coroutine_runs_beside_the_timers_and_its_exception_goes_to_the_caller() -> None:
    loop = AioLoop()
    steps: list[str] = []

    async def work() -> None:
        steps.append("coroutine")
        loop.call_at(1, fail_later)

    async def fail() -> None:
        raise ValueError("told")

    def fail_later() -> None:
        steps.append("timer")
        loop.spawn(fail())

    loop.spawn(work())
    with pytest.raises(ValueError, match="told"):
        loop.run()
    assert steps == ["coroutine", "timer"]
    loop.close()


def test_an_exception_in_a_callback_ends_the_run_of_either_loop() -> None:
    def fail() -> None:
        raise ValueError("told")

    for loop in (Loop(), AioLoop()):
        loop.call_at(1, fail)
        with pytest.raises(ValueError, match="told"):
            loop.run()
        loop.close()


def test_closing_ends_coroutines_that_still_run() -> None:
    loop = AioLoop()
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("yes")

    loop.spawn(wait())
    loop.call_at(monotonic_ns() + 1_000_000, loop.stop)
    loop.run()
    loop.close()
    assert ended == ["yes"]
