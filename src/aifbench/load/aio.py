"""The engine's loop inside an asyncio loop, for client libraries that have coroutines instead of descriptors.

The engine sees a `Loop`: its timers keep their nanoseconds, because its epoll descriptor, which holds the timer, is
one more descriptor that asyncio watches. asyncio's own timers, rounded to a millisecond, are never used for starts.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aifbench.load.loop import Loop, Timer

Result = TypeVar("Result")
SWITCH_S = 0.0005
"""How long a library's own thread may keep the interpreter from the timers; Python's 5 ms would show as late starts."""


def _new() -> tuple[asyncio.AbstractEventLoop, str]:
    """The loop of uvloop where it is installed (a quarter less CPU time per message), else the standard one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop(), "asyncio"
    return uvloop.new_event_loop(), "uvloop"


class AioLoop(Loop):
    """A `Loop` on which coroutines run too. `kind` names the asyncio loop below. Close it to end what still runs."""

    def __init__(self) -> None:
        super().__init__()
        self._aio, self.kind = _new()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._aio.add_reader(self._epoll.fileno(), self._step)

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        timer = super().call_at(when_ns, callback)
        self._arm()  # whoever called may be a coroutine, after which no turn of this loop follows
        return timer

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside everything else. An exception that escapes it ends `run` and goes to the caller."""
        task = self._aio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def complete(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Its result. Only while the loop does not run."""
        return self._aio.run_until_complete(work)

    def stop(self) -> None:
        super().stop()
        if self.running:
            self._aio.stop()

    def _run(self) -> None:
        if self._idle():
            return
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            self._aio.run_forever()
        finally:
            sys.setswitchinterval(interval)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _idle(self) -> bool:
        """Whether nothing can happen any more; if not, the timer is set."""
        return not self._arm() and not self._on_ready and not self._tasks

    def _step(self) -> None:
        if not self.running:  # connecting, or closing: nothing is due
            self._timer.clear()
            return
        try:
            self._turn(0)
            if self._idle():
                self.stop()
        except BaseException as error:  # noqa: BLE001 - asyncio would only log it; `run` raises it
            self._fail(error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        elif self.running and self._idle():
            self.stop()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self.stop()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            self.complete(_all(self._tasks))
        self._aio.remove_reader(self._epoll.fileno())
        self._aio.close()
        super().close()


async def _all(tasks: set[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
