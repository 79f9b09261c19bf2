"""The engine's event loop: epoll and one absolute timer with nanosecond deadlines.

asyncio rounds every wait up to a millisecond, which no schedule of intended starts survives. This loop arms a
timerfd (CLOCK_MONOTONIC, absolute) for the next deadline, so it wakes within the kernel's own timer slack.
It knows nothing about operations or protocols.
"""

from __future__ import annotations

import contextlib
import ctypes
import heapq
import os
import select
from collections.abc import Callable
from itertools import count

from aifbench.clock import NS_PER_S, monotonic_ns, sleep_s

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
TIMER_MARGIN_NS = 100_000
"""A plain sleep may be this late (50 µs timer slack and the way back); an armed timer is not."""
_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK = 0o4000
_TFD_CLOEXEC = 0o2000000
_TFD_TIMER_ABSTIME = 1

OnReady = Callable[[int], None]
"""Called with the epoll event mask."""


class _Timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]


class _Itimerspec(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("value", _Timespec)]


class DeadlineTimer:
    """A file descriptor that becomes readable at an absolute monotonic instant."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _Itimerspec()
        self._armed_ns = 0

    def arm(self, when_ns: int) -> None:
        """Fire at `when_ns`; an instant that has passed fires at once. 0 disarms."""
        if when_ns == self._armed_ns:
            return
        self._armed_ns = when_ns
        self._spec.value.sec, self._spec.value.nsec = divmod(when_ns, NS_PER_S)
        self._libc.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None)

    def clear(self) -> None:
        """Take the expiry off the descriptor after it fired."""
        self._armed_ns = 0
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)

    def close(self) -> None:
        os.close(self.fd)


class Timer:
    """A call that can still be cancelled."""

    __slots__ = ("callback", "when_ns")

    def __init__(self, when_ns: int, callback: Callable[[], None]) -> None:
        self.when_ns = when_ns
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """Callbacks on ready descriptors and at instants; single-threaded.

    With `nap_ns` above 0 it looks at descriptors at most once in that time, so that one wake-up serves many of them;
    timers stay exact. Good where the kernel stamps arrivals, as reading later then changes no time.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._timer = DeadlineTimer()
        self._epoll.register(self._timer.fd, READ)
        self._on_ready: dict[int, OnReady] = {}
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._stopped = False
        self.running = False
        self.wakeups = 0
        self.nap_ns = 0

    def watch(self, fd: int, events: int, on_ready: OnReady) -> None:
        """Call `on_ready(mask)` whenever one of `events` holds; a second call changes events and callback."""
        if fd in self._on_ready:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._on_ready[fd] = on_ready

    def unwatch(self, fd: int) -> None:
        """Forget the descriptor; call it before closing one. Unknown descriptors are ignored."""
        if self._on_ready.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        timer = Timer(when_ns, callback)
        heapq.heappush(self._timers, (when_ns, next(self._order), timer))
        return timer

    def stop(self) -> None:
        """Make `run` return after the callbacks of this round."""
        self._stopped = True

    def run(self) -> None:
        """Until `stop`. An exception in a callback ends the run and goes to the caller."""
        self._stopped = False
        self.running = True
        try:
            self._run()
        finally:
            self.running = False

    def _run(self) -> None:
        while not self._stopped:
            if not self._arm() and not self._on_ready:
                return
            self._turn(None)
            if self.nap_ns:
                self._nap()

    def _arm(self) -> bool:
        """Set the timer for the next call; False when there is none."""
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if not timers:
            return False
        self._timer.arm(timers[0][0])
        return True

    def _turn(self, wait_s: float | None) -> None:
        """Callbacks of what is ready, after a wait for it (None: as long as it takes), then timers that are due."""
        ready = self._on_ready
        timer_fd = self._timer.fd
        events = self._epoll.poll(wait_s)
        self.wakeups += 1
        for fd, mask in events:
            if fd == timer_fd:
                self._timer.clear()
                continue
            on_ready = ready.get(fd)
            if on_ready is not None:
                on_ready(mask)
        self._run_timers()

    def _nap(self) -> None:
        until = monotonic_ns() + self.nap_ns
        if self._timers:
            until = min(until, self._timers[0][0] - TIMER_MARGIN_NS)
        left = until - monotonic_ns()
        if left > TIMER_MARGIN_NS:
            sleep_s(left / NS_PER_S)

    def _run_timers(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= monotonic_ns():
            callback = heapq.heappop(timers)[2].callback
            if callback is not None:
                callback()

    def close(self) -> None:
        self._epoll.close()
        self._timer.close()
