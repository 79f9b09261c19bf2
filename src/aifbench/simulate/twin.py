"""The simulator and an ideal client on a virtual clock: the samples that a generator without any lag would record.

No socket, no waiting, no randomness of its own: exact to the nanosecond. What a real run shows beyond this is the
generator's, the network's or the machine's. Faults and time-outs are not played.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import count

from aifbench.clock import NS_PER_S
from aifbench.load.think import Thinker, begin_ns
from aifbench.model.load import Load
from aifbench.model.operation import DROPPED, OK, UNFINISHED, Operation
from aifbench.simulate.server import Behaviour

T0_NS = NS_PER_S
"""Not 0, which means `never` in a record."""


class What(IntEnum):
    """In the order in which things of one instant happen: what ends makes room for what starts."""

    END = 0
    START = 1
    GIVE_UP = 2


def play(
    behaviour: Behaviour,
    load: Load,
    starts_ns: Sequence[int] = (),
    *,
    seed: int = 1,
    events: int | None = None,
    stream: bool = True,
    t0_ns: int = T0_NS,
) -> list[Operation]:
    """All operations in the order of `seq`; `detail` holds the stamps of the events.

    Open loop: `starts_ns` are the intended starts after T0. Closed loop: users whose pauses `seed` decides.
    Raises ValueError for what it does not play: faults, and operations that would time out.
    """
    if behaviour.faults:
        raise ValueError("the twin plays no faults")
    return _Twin(behaviour, load, seed, events or behaviour.events, stream=stream).play(starts_ns, t0_ns)


class _Twin:
    def __init__(self, behaviour: Behaviour, load: Load, seed: int, events: int, *, stream: bool) -> None:
        self._behaviour = behaviour
        self._load = load
        self._events = events
        self._stream = stream
        self._seed = seed
        self._agenda: list[tuple[int, What, int, Operation | None]] = []
        self._order = count()
        self._numbers = count()
        self._seqs = count()
        self._busy = 0
        self._queue: deque[Operation] = deque()  # at the server
        self._waiting: deque[Operation] = deque()  # at the client, for room under its cap
        self._flying: set[Operation] = set()
        self._user: dict[Operation, Thinker] = {}
        self._done: list[Operation] = []

    def play(self, starts_ns: Sequence[int], t0: int) -> list[Operation]:
        load = self._load
        end = t0 + round(load.length_s * NS_PER_S)
        for offered in self._users(t0) if load.closed else self._scheduled(starts_ns, t0):
            self._put(offered.intended, What.START, offered)
        self._put(end + round(load.drain_s * NS_PER_S), What.GIVE_UP, None)
        while self._agenda:
            now, what, _, operation = heapq.heappop(self._agenda)
            if operation is None:
                self._give_up(now)
                break
            if what is What.START:
                self._offer(operation, now)
            else:
                self._end(operation, now, end)
        return sorted(self._done, key=lambda one: one.seq)

    def _put(self, when: int, what: What, operation: Operation | None) -> None:
        heapq.heappush(self._agenda, (when, what, next(self._order), operation))

    def _scheduled(self, starts_ns: Sequence[int], t0: int) -> Iterator[Operation]:
        for start in starts_ns:
            yield Operation(next(self._seqs), "request", t0 + int(start))

    def _users(self, t0: int) -> Iterator[Operation]:
        for user in range(self._load.concurrency or 0):
            yield self._of_user(Thinker(self._load, self._seed, user), t0 + begin_ns(self._load, user))

    def _of_user(self, user: Thinker, intended: int) -> Operation:
        """The next operation of a user; its `seq` is given when it starts."""
        operation = Operation(-1, "request", intended)
        self._user[operation] = user
        return operation

    # the client

    def _offer(self, operation: Operation, now: int) -> None:
        load = self._load
        if load.closed:
            seq = next(self._seqs)
            if load.operations is not None and seq >= load.operations:
                return
            operation.seq = seq
        if load.max_in_flight is not None and len(self._flying) >= load.max_in_flight:
            if load.when_full == "drop":
                self._drop(operation)
            else:
                self._waiting.append(operation)
        else:
            self._send(operation, now)

    def _drop(self, operation: Operation) -> None:
        operation.status = DROPPED
        self._done.append(operation)

    def _send(self, operation: Operation, now: int) -> None:
        operation.start = now
        self._flying.add(operation)
        number = next(self._numbers)
        due = self._behaviour.timing.due_ns(number, self._events)
        operation.detail = due if self._stream else due[-1:]
        if self._behaviour.slots is not None and self._busy >= self._behaviour.slots:
            self._queue.append(operation)
        else:
            self._serve(operation, now)

    def _end(self, operation: Operation, now: int, end_of_load: int) -> None:
        if now - operation.start > self._load.timeout_s * NS_PER_S:
            raise ValueError("the twin plays no time-outs; raise load.timeout")
        operation.status = OK
        self._done.append(operation)
        self._flying.discard(operation)
        self._busy -= 1
        if self._queue:
            self._serve(self._queue.popleft(), now)
        if self._load.closed:
            user = self._user.pop(operation)
            intended = now + user.next_ns()
            if intended < end_of_load:
                self._put(intended, What.START, self._of_user(user, intended))
        elif self._waiting:
            self._send(self._waiting.popleft(), now)

    def _give_up(self, now: int) -> None:
        for operation in self._waiting:
            self._drop(operation)
        for operation in self._flying:
            operation.detail = [at for at in operation.detail if at <= now] if operation.first else []
            operation.first = operation.detail[0] if operation.detail else 0
            operation.last = operation.detail[-1] if operation.detail else 0
            operation.end = now
            operation.fail("unfinished", status=UNFINISHED)
            self._done.append(operation)

    # the server

    def _serve(self, operation: Operation, now: int) -> None:
        self._busy += 1
        operation.detail = [now + due for due in operation.detail]
        operation.first, operation.last = operation.detail[0], operation.detail[-1]
        operation.end = operation.last
        self._put(operation.end, What.END, operation)
