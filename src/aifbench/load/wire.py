"""The engine for wire clients: one thread, one loop, operations started at their intended instants.

Open loop: starts come from the stripe and are never re-anchored. An operation that finds no free slot gets a new
one, or, at the cap, waits in line (its wait is schedule lag) or is dropped, as the load says.
Closed loop: each user has a slot and starts again when it is free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.load.loop import Loop
from aifbench.load.progress import Progress, ProgressWriter
from aifbench.load.retrying import again
from aifbench.load.schedule import Stripe
from aifbench.load.spill import Spill
from aifbench.load.stopping import StopCall, Stopping, called_off
from aifbench.load.tally import LATE_NS, Tally
from aifbench.load.think import Thinker, begin_ns
from aifbench.model.load import Load
from aifbench.model.operation import CANCELLED, DROPPED, OK, TIMEOUT, UNFINISHED, Operation
from aifbench.workloads.base import Slot, WireClient

TICK_NS = 50_000_000
NAP_FROM = 64
NAP_NS = 300_000
"""Where the kernel stamps arrivals and so many operations are under way, reads are collected for this long: one
wake-up serves many of them. Starts keep their instants, as timers end a nap."""
QUIET_NS = 1_500_000
"""Operations are moved to disk only when no start is due this soon: a slice takes about a millisecond."""
CLOSED_AHEAD = 1024
"""Requests built before T0 in a closed loop, whose number nobody knows: enough for its first, simultaneous starts."""
REFUSED_PAUSE_NS = 100_000_000
"""How long a closed-loop user waits after an operation that failed at once, so that a dead server does not make the
generator spin; an operation that took longer than this is followed without a pause."""


class WireEngine:
    """Runs one worker's part of one trial. `operations` holds all of them after `run`, in the order they ended."""

    def __init__(
        self,
        client: WireClient,
        load: Load,
        stripe: Stripe,
        progress: ProgressWriter,
        stop_file: Path,
        spill: Spill,
    ) -> None:
        self._spill = spill
        self._client = client
        self._load = load
        self._stripe = stripe
        self._progress = progress
        self._stop_file = stop_file
        self._loop: Loop = getattr(client, "make_loop", Loop)()
        self._free: list[Slot] = []
        self._waiting: deque[Operation] = deque()
        self._flying: dict[Slot, Operation] = {}
        self._deadlines: deque[tuple[int, Slot, Operation]] = deque()
        self._next = 0
        self._draining = False
        self._t0 = 0
        self._end = 0
        self._warmup_end = 0
        self._resting: deque[tuple[Slot, int]] = deque()
        self._refilling = False
        self._stopping = Stopping(load, stripe.workers)
        self._users: dict[Slot, tuple[int, Thinker]] = {}
        self.operations: list[Operation] = []
        self.tally = Tally()

    @property
    def _cap(self) -> int | None:
        if self._load.max_in_flight is None:
            return None
        share, rest = divmod(self._load.max_in_flight, self._stripe.workers)
        return max(1, share + (self._stripe.worker < rest))

    def connect(self) -> None:
        """Open the slots that the load is known to need. Raises OSError."""
        load = self._load
        if load.closed:
            count = len(self._stripe.users)
        else:
            per_worker = (load.rate_per_s or 0.0) / self._stripe.workers
            count = min(self._cap or 64, max(4, min(64, int(per_worker * 0.25) + 1)))
        self._free = [self._client.open_slot(self._loop, self._on_done) for _ in range(count)]
        self._users = {
            slot: (user, Thinker(load, self._stripe.seed, user))
            for slot, user in zip(self._free, self._stripe.users, strict=False)
        }
        build_ahead = getattr(self._client, "build_ahead", None)
        if build_ahead is not None:
            build_ahead(self._coming(len(self._stripe.starts_ns) or max(CLOSED_AHEAD, count)))

    def _coming(self, count: int) -> Iterator[Operation]:
        for index in range(count):
            seq = self._stripe.seq(index)
            yield Operation(seq, self._client.kind(seq), 0)

    def run(self, t0_ns: int) -> None:
        """Offer the load from T0 on and return when everything has ended or the drain time is over."""
        load = self._load
        self._t0 = t0_ns
        self._warmup_end = t0_ns + round(load.warmup_s * NS_PER_S)
        self._end = t0_ns + round(load.length_s * NS_PER_S)
        self._starts = self._stripe.starts_at(t0_ns)
        self._loop.call_at(t0_ns, partial(self._tick, t0_ns))  # before the users, who all begin now
        self._loop.call_at(t0_ns, self._begin)
        self._loop.call_at(self._end, self._end_of_load)
        self._loop.run()
        self._put_progress(4)

    def _begin(self) -> None:
        self.tally.begin_lag_ns = monotonic_ns() - self._t0
        (self._start_users if self._load.closed else self._arm_next)()

    # open loop

    def _arm_next(self) -> None:
        if self._draining:
            return
        if self._next < len(self._starts):
            self._loop.call_at(self._starts[self._next], self._offer_due)
        elif self._load.operations is not None:
            self._end_of_load()  # the count, not the time, ends this load

    def _offer_due(self) -> None:
        now = monotonic_ns()
        if not self._draining and self._next < len(self._starts):
            self.tally.wake_lag_ns.append(now - self._starts[self._next])
        starts = self._starts
        while self._next < len(starts) and starts[self._next] <= now and not self._draining:
            self._offer(starts[self._next])
            now = monotonic_ns()
        self._arm_next()

    def _offer(self, intended: int) -> None:
        seq = self._stripe.seq(self._next)
        self._next += 1
        self.tally.scheduled += 1
        self._place(Operation(seq, self._client.kind(seq), intended))

    def _place(self, operation: Operation) -> None:
        """Start it in a free slot, or let it wait, or drop it."""
        try:
            slot = self._take_slot()
        except OSError as error:
            self._fail_unsent(operation, error)
            return
        if slot is not None:
            self._start(slot, operation)
            if operation.start - operation.intended > LATE_NS:
                self.tally.late_with_free_slot += 1
        elif self._load.when_full == "drop":
            self._drop(operation)
        else:
            self._waiting.append(operation)

    def _start_waiting(self) -> None:
        """Give free slots to operations that wait; one may end inside `start`, so this must not nest."""
        if self._refilling:
            return
        self._refilling = True
        try:
            while self._waiting and self._free:
                self._start(self._free.pop(), self._waiting.popleft())
        finally:
            self._refilling = False

    def _retry(self, retry: Operation) -> None:
        """Nothing is done again once the load has ended."""
        if not self._draining:
            self.tally.retried += 1
            self._place(retry)

    def _take_slot(self) -> Slot | None:
        if self._free:
            return self._free.pop()
        cap = self._cap
        if cap is not None and len(self._flying) >= cap:
            return None
        self.tally.slots_opened_in_load += 1
        return self._client.open_slot(self._loop, self._on_done)

    def _fail_unsent(self, operation: Operation, error: OSError) -> None:
        """No further connection could be made: the operation started and failed."""
        operation.start = operation.end = monotonic_ns()
        operation.fail("no-slot", str(error))
        self.tally.began()
        self.tally.finished(operation.status)
        self.operations.append(operation)

    def _drop(self, operation: Operation) -> None:
        operation.status = DROPPED
        self.tally.dropped += 1
        self.operations.append(operation)

    # closed loop

    def _start_users(self) -> None:
        slots, self._free = self._free, []
        for slot in slots:
            begin = self._t0 + begin_ns(self._load, self._users[slot][0])
            if begin == self._t0:
                self._start_user(slot, begin)
            else:
                self._loop.call_at(begin, partial(self._start_user, slot, begin))

    def _start_user(self, slot: Slot, intended: int) -> None:
        limit = self._load.operations
        seq = self._stripe.seq(self._next)
        over = limit is not None and seq >= limit
        if self._draining or intended >= self._end or over:
            self._free.append(slot)
            if over and not self._flying:
                self._end_of_load()
            return
        self._next += 1
        self.tally.scheduled += 1
        self._start(slot, Operation(seq, self._client.kind(seq), intended))

    def _next_of_user(self, slot: Slot, ended: Operation) -> None:
        failed_at_once = ended.status not in (OK, CANCELLED) and ended.end - ended.start < REFUSED_PAUSE_NS
        least = REFUSED_PAUSE_NS if failed_at_once else 0
        retry = again(ended, self._load.retries, least)
        if retry is not None and retry.intended < self._end:
            self._loop.call_at(retry.intended, partial(self._retry_user, slot, retry))
            return
        pause = max(self._users[slot][1].next_ns(), least)
        intended = ended.end + pause
        if pause:
            self._loop.call_at(intended, lambda: self._start_user(slot, intended))
        else:
            self._resting.append((slot, intended))
            self._refill()

    def _retry_user(self, slot: Slot, retry: Operation) -> None:
        if self._draining:
            self._free.append(slot)
            return
        self.tally.retried += 1
        self._start(slot, retry)

    def _refill(self) -> None:
        """Start users that are free; an operation may end inside `start`, so this must not nest."""
        if self._refilling:
            return
        self._refilling = True
        try:
            while self._resting:
                slot, intended = self._resting.popleft()
                self._start_user(slot, intended)
        finally:
            self._refilling = False

    # both

    def _start(self, slot: Slot, operation: Operation) -> None:
        self._flying[slot] = operation
        self.tally.began()
        slot.start(operation)
        if not operation.status:
            self._deadlines.append((operation.start + round(self._load.timeout_s * NS_PER_S), slot, operation))

    def _on_done(self, slot: Slot, operation: Operation) -> None:
        self._flying.pop(slot, None)
        self.operations.append(operation)
        self._spill.held_bytes += operation.bytes_in
        self.tally.finished(operation.status)
        if self._load.closed:
            self._next_of_user(slot, operation)
        else:
            retry = again(operation, self._load.retries)
            if retry is not None and retry.intended < self._end:
                self._loop.call_at(retry.intended, partial(self._retry, retry))
            self._free.append(slot)
            self._start_waiting()
        if self._draining and not self._flying and not self._waiting:
            self._loop.stop()

    def _tick(self, due_ns: int) -> None:
        """Twenty times a second: time-outs, stop requests, progress."""
        now = monotonic_ns()
        self.tally.wake_lag_ns.append(now - due_ns)
        while self._deadlines and (self._deadlines[0][0] <= now or self._deadlines[0][2].status):
            _, slot, operation = self._deadlines.popleft()
            if not operation.status:
                slot.cancel(TIMEOUT, "timeout")
        if not self._draining:
            call = called_off(self._stop_file, self._stripe.worker, partial(self._judge, now))
            if call is not None:
                self.tally.stop_code, self.tally.stopped_early = call.code, call.reason
                self._end_of_load()
        many = self.tally.in_flight >= NAP_FROM and getattr(self._client, "kernel_stamped", False)
        self._loop.nap_ns = NAP_NS if many else 0
        phase = 3 if self._draining else 1 if now < self._warmup_end else 2
        self._put_progress(phase)
        if self._next >= len(self._starts) or self._starts[self._next] - now > QUIET_NS:
            self._spill.work(self.operations)
        self._loop.call_at(now + TICK_NS, partial(self._tick, now + TICK_NS))

    def _judge(self, now: int) -> StopCall | None:
        if not self._stopping.asked:
            return None
        tally = self.tally
        oldest = min((operation.intended for operation in self._flying.values()), default=now)
        return self._stopping.look(
            (now - self._t0) / NS_PER_S,
            due=tally.scheduled,
            ended=tally.ended,
            errors=tally.errors,
            backlog=len(self._flying) + len(self._waiting),
            oldest_s=(now - oldest) / NS_PER_S,
        )

    def _put_progress(self, phase: int) -> None:
        tally = self.tally
        self._progress.put(Progress(tally.scheduled, tally.started, tally.ended, tally.errors, tally.dropped, phase))

    def _end_of_load(self) -> None:
        if self._draining:
            return
        self._draining = True
        now = monotonic_ns()
        while not self.tally.stopped_early and self._next < len(self._starts):
            self._drain_offer(self._starts[self._next])
        if not self._flying and not self._waiting:
            self._loop.stop()
            return
        self._loop.call_at(now + round(self._load.drain_s * NS_PER_S), self._give_up)

    def _drain_offer(self, intended: int) -> None:
        """The last few starts may be due in the very moment in which the load ends."""
        self._draining = False
        self._offer(intended)
        self._draining = True

    def _give_up(self) -> None:
        while self._waiting:
            self._drop(self._waiting.popleft())
        for slot in list(self._flying):
            slot.cancel(UNFINISHED, "unfinished")
        self._loop.stop()

    def close(self) -> None:
        self._client.close()
        self._loop.close()
