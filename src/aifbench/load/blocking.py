"""The engine for blocking clients: one thread per user, each doing one operation at a time.

Open loop: threads take the next intended start from one counter, wait for it, and do it; when all are busy the start
is late (schedule lag) or, when the load says so, dropped. Closed loop: each thread does one after the other.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from functools import partial
from itertools import count
from pathlib import Path

from aifbench.clock import NS_PER_S, monotonic_ns, sleep_s
from aifbench.load.progress import Progress, ProgressWriter
from aifbench.load.retrying import again
from aifbench.load.schedule import Stripe
from aifbench.load.spill import Spill
from aifbench.load.stopping import StopCall, Stopping, called_off
from aifbench.load.tally import LATE_NS, Tally
from aifbench.load.think import Thinker, begin_ns
from aifbench.load.wire import REFUSED_PAUSE_NS
from aifbench.model.load import Load
from aifbench.model.operation import DROPPED, OK, UNFINISHED, Operation
from aifbench.workloads.base import BlockingClient, User

OPEN_LOOP_THREADS = 16
_NAP_S = 0.05


def _least_pause_ns(ended: Operation) -> int:
    """What a closed-loop user waits at least after an operation that failed at once."""
    return REFUSED_PAUSE_NS if ended.status != OK and ended.end - ended.start < REFUSED_PAUSE_NS else 0


class BlockingEngine:
    """Runs one worker's part of one trial. `operations` holds all of them after `run`, in the order they ended."""

    def __init__(
        self,
        client: BlockingClient,
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
        self._go = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._counter = count()
        self._t0 = 0
        self._end = 0
        self._users: list[User] = []
        self._flying: dict[int, Operation] = {}
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._stopping = Stopping(load, stripe.workers)
        self.operations: list[Operation] = []
        self.connect_ns: list[int] = []
        self.tally = Tally()

    def _user_numbers(self) -> list[int]:
        if self._load.closed:
            return list(self._stripe.users)
        wanted = self._load.max_in_flight or OPEN_LOOP_THREADS * self._stripe.workers
        return list(range(self._stripe.worker, wanted, self._stripe.workers))

    def connect(self) -> None:
        """Start the threads and let each connect. Raises what the first failing one raised."""
        numbers = self._user_numbers()
        connected = threading.Barrier(len(numbers) + 1)
        for number in numbers:
            thread = threading.Thread(target=self._live, args=(number, connected), daemon=True)
            self._threads.append(thread)
            thread.start()
        connected.wait()
        if self._failures:
            self._go.set()
            raise self._failures[0]

    def _live(self, number: int, connected: threading.Barrier) -> None:
        before = monotonic_ns()
        try:
            user = self._client.open_user(number)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._failures.append(error)
            connected.wait()
            return
        with self._lock:
            self.connect_ns.append(monotonic_ns() - before)
            self._users.append(user)
        connected.wait()
        self._go.wait()
        if self._failures:
            return
        if self._load.closed:
            self._closed_loop(user, number)
        else:
            self._open_loop(user)

    def run(self, t0_ns: int) -> None:
        """Offer the load from T0 on and return when everything has ended or the drain time is over."""
        load = self._load
        self._t0 = t0_ns
        self._end = t0_ns + round(load.length_s * NS_PER_S)
        self._starts = self._stripe.starts_at(t0_ns)
        self._go.set()
        warmup_end = t0_ns + round(load.warmup_s * NS_PER_S)
        give_up = self._end + round(load.drain_s * NS_PER_S)
        while any(thread.is_alive() for thread in self._threads):
            now = monotonic_ns()
            judge = partial(self._judge, now)
            call = None if self._stop.is_set() else called_off(self._stop_file, self._stripe.worker, judge)
            if call is not None:
                self.tally.stop_code, self.tally.stopped_early = call.code, call.reason
                self._stop.set()
                give_up = min(give_up, now + round(load.drain_s * NS_PER_S))
            if now >= give_up:
                break
            self._put_progress(0 if now < t0_ns else 1 if now < warmup_end else 2 if now < self._end else 3)
            with self._lock:
                self._spill.work(self.operations)
            sleep_s(_NAP_S)
        self._stop.set()
        self._abandon()
        self._put_progress(4)

    def _judge(self, now: int) -> StopCall | None:
        if not self._stopping.asked or now < self._t0:
            return None
        with self._lock:
            tally = self.tally
            due = tally.scheduled if self._load.closed else bisect_right(self._starts, now)
            oldest = min((operation.intended for operation in self._flying.values()), default=now)
            backlog = due + tally.retried - tally.ended - tally.dropped
        elapsed = (now - self._t0) / NS_PER_S
        return self._stopping.look(elapsed, due, tally.ended, tally.errors, backlog, (now - oldest) / NS_PER_S)

    def _abandon(self) -> None:
        """What is still under way now never ended."""
        with self._lock:
            now = monotonic_ns()
            for operation in list(self._flying.values()):
                copy = Operation(operation.seq, operation.kind, operation.intended, operation.attempt)
                copy.start, copy.end = operation.start, now
                copy.fail("unfinished", status=UNFINISHED)
                self.operations.append(copy)
                self.tally.finished(copy.status)
            self._flying.clear()
            if not self._load.closed and not self.tally.stopped_early:
                for index in range(next(self._counter), len(self._starts)):
                    self.tally.scheduled += 1
                    self._drop(index)

    def _open_loop(self, user: User) -> None:
        starts = self._starts
        while not self._stop.is_set():
            index = next(self._counter)
            if index >= len(starts):
                return
            intended = starts[index]
            was_free = monotonic_ns() <= intended
            if not self._wait_until(intended):
                return
            self.tally.scheduled += 1
            if self._load.when_full == "drop" and not was_free and monotonic_ns() - intended > LATE_NS:
                with self._lock:
                    self._drop(index)
                continue
            if was_free:
                lag = monotonic_ns() - intended
                self.tally.wake_lag_ns.append(lag)
                self.tally.late_with_free_slot += lag > LATE_NS
            self._do(user, self._stripe.seq(index), intended)

    def _closed_loop(self, user: User, number: int) -> None:
        intended = self._t0 + begin_ns(self._load, number)
        thinker = Thinker(self._load, self._stripe.seed, number)
        while self._wait_until(intended):
            with self._lock:
                seq = self._stripe.seq(next(self._counter))
                limit = self._load.operations
                if intended >= self._end or (limit is not None and seq >= limit):
                    return
                self.tally.scheduled += 1
            operation = self._do(user, seq, intended)
            intended = operation.end + max(thinker.next_ns(), _least_pause_ns(operation))

    def _wait_until(self, when_ns: int) -> bool:
        """False when a stop came first."""
        while (left := when_ns - monotonic_ns()) > 0:
            if self._stop.is_set():
                return False
            sleep_s(min(left / NS_PER_S, _NAP_S))
        return not self._stop.is_set()

    def _do(self, user: User, seq: int, intended: int) -> Operation:
        """The operation and its retries, which occupy the same thread; returns the last of them."""
        operation = self._perform(user, Operation(seq, self._client.kind(seq), intended))
        while True:
            least = _least_pause_ns(operation) if self._load.closed else 0
            retry = again(operation, self._load.retries, least)
            if retry is None or retry.intended >= self._end or not self._wait_until(retry.intended):
                return operation
            self.tally.retried += 1
            operation = self._perform(user, retry)

    def _perform(self, user: User, operation: Operation) -> Operation:
        me = threading.get_ident()
        with self._lock:
            self._flying[me] = operation
            self.tally.began()
        operation.start = monotonic_ns()
        try:
            user.perform(operation)
            operation.end = monotonic_ns()
        except Exception as error:  # noqa: BLE001 - whatever a client library raises is this operation's failure
            operation.end = monotonic_ns()
            operation.fail(f"client-{type(error).__name__}", str(error))
        operation.status = operation.status or OK
        operation.last = operation.last or operation.end
        with self._lock:
            if self._flying.pop(me, None) is not None:
                self.operations.append(operation)
                self.tally.finished(operation.status)
        return operation

    def _drop(self, index: int) -> None:
        seq = self._stripe.seq(index)
        operation = Operation(seq, self._client.kind(seq), self._starts[index])
        operation.status = DROPPED
        self.tally.dropped += 1
        self.operations.append(operation)

    def _put_progress(self, phase: int) -> None:
        tally = self.tally
        self._progress.put(Progress(tally.scheduled, tally.started, tally.ended, tally.errors, tally.dropped, phase))

    def close(self) -> None:
        for user in self._users:
            user.close()
        self._client.close()
