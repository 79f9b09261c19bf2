"""The simulator: accepts, decides when each event is due, writes it then, and records when it really wrote.

One thread on the engine's own loop, so that its timing is as good as the generator's. With `slots` it serves that
many requests at a time and queues the rest, first come, first served: its capacity is then known exactly.
"""

from __future__ import annotations

import contextlib
import heapq
import socket
import struct
from collections import deque
from dataclasses import dataclass
from itertools import count

from aifbench.clock import NS_PER_S, monotonic_ns, process_time_ns
from aifbench.load.loop import READ, Loop
from aifbench.simulate import answers
from aifbench.simulate.connection import Connection
from aifbench.simulate.faults import FAULTS, After, Answering, FaultRule, Step
from aifbench.simulate.listen import Place
from aifbench.simulate.record import Exchange
from aifbench.simulate.timing import Timing

TICK_NS = 100_000_000
INSTANT = answers.head(200, "text/plain", 2) + b"ok"
"""The answer of `/instant` and everything below: nothing is decided, scheduled or recorded for it."""


@dataclass(frozen=True)
class Behaviour:
    """What the simulator does. `slots` of None serves everything at once."""

    timing: Timing
    slots: int | None = None
    events: int = 16
    faults: tuple[FaultRule, ...] = ()

    def fault(self, number: int) -> FaultRule | None:
        """The first rule that befalls request `number`."""
        return next((rule for rule in self.faults if rule.befalls(number, self.timing.seed)), None)


@dataclass
class Answer:
    """One answer under way: its steps and how far it is."""

    connection: Connection
    exchange: Exchange
    steps: list[Step]
    at: int = 0


class Simulator:
    """Listens at `place`; `port` is the TCP port that it got. `exchanges` is the record, unless it is not kept.

    Raises ServiceError when it cannot listen there.
    """

    def __init__(self, behaviour: Behaviour, place: Place | None = None, *, keep_record: bool = True) -> None:
        self.behaviour = behaviour
        self._place = place or Place()
        self._tls = self._place.tls()
        self._keep_record = keep_record
        self._requests = 0
        self.loop = Loop()
        self.exchanges: list[Exchange] = []
        self._numbers = count()
        self._due: list[tuple[int, int, Answer]] = []
        self._order = count()
        self._armed_ns = 0
        self._busy = 0
        self._stopping = False
        self.died = False
        self._queue: deque[Answer] = deque()
        self._connections: set[Connection] = set()
        self._listener = self._place.open()
        self.port: int = 0 if self._place.unix else self._listener.getsockname()[1]
        self.loop.watch(self._listener.fileno(), READ, self._accept)

    @property
    def url(self) -> str:
        return self._place.url(self.port)

    def run(self, seconds: float | None = None) -> None:
        """Until `stop`, which may be called from a signal handler or another thread, or until the time is over.

        Or until the fault `die` befell it: `died` says so.
        """
        self._tick()
        if seconds is not None:
            self.loop.call_at(monotonic_ns() + round(seconds * NS_PER_S), self.stop)
        self.loop.run()

    def stop(self) -> None:
        """End within a tenth of a second."""
        self._stopping = True

    def _tick(self) -> None:
        if self._stopping or self.died:
            self.loop.stop()
        self.loop.call_at(monotonic_ns() + TICK_NS, self._tick)

    def close(self) -> None:
        for connection in list(self._connections):
            connection.close()
        if self._listener.fileno() >= 0:
            self.loop.unwatch(self._listener.fileno())
        self._place.close(self._listener)
        self.loop.close()

    def _accept(self, _mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                if not self._place.unix:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(self, sock, self._tls)
                self._connections.add(connection)
                self.loop.watch(connection.sock.fileno(), READ, connection.on_ready)

    def forget(self, connection: Connection) -> None:
        """Called by a connection that is about to close its socket."""
        self.loop.unwatch(connection.sock.fileno())
        self._connections.discard(connection)

    # requests

    def on_request(self, connection: Connection, method: str, path: str, body: bytes, now: int) -> None:
        self._requests += 1
        if path.startswith("/instant"):
            connection.write(INSTANT)
        elif path.endswith("/completions"):
            try:
                asked = answers.read_request(path, body, self.behaviour.events)
            except ValueError as error:
                connection.write(answers.whole(400, {"error": {"message": str(error)}}))
                return
            self._serve_completion(connection, path, asked, now)
        elif path.startswith("/bytes/"):
            self._serve_bytes(connection, path, now)
        elif path.startswith("/ndjson/"):
            self._serve_lines(connection, path, now)
        elif path in ("/health", "/v1/models"):
            connection.write(answers.whole(200, {"object": "list", "data": [{"id": answers.MODEL}]}))
        elif path == "/self":
            connection.write(answers.whole(200, self._own_load()))
        else:
            connection.write(answers.whole(404, {"error": {"message": f"{method} {path}: no such path"}}))

    def _own_load(self) -> dict[str, int]:
        """CPU time of this process beside the clock: two answers tell how busy the simulator itself was."""
        return {"cpu_ns": process_time_ns(), "monotonic_ns": monotonic_ns(), "requests": self._requests}

    def _serve_completion(self, connection: Connection, path: str, asked: answers.Asked, now: int) -> None:
        number = next(self._numbers)
        due = self.behaviour.timing.due_ns(number, asked.events)
        rule = self.behaviour.fault(number)
        answering = Answering(asked, number, due, rule.value_ns if rule else 0)
        steps = FAULTS[rule.name][0](answering) if rule else answering.good()
        exchange = Exchange(number, path, now, fault=rule.name if rule else "")
        self._admit(Answer(connection, exchange, steps))

    def _serve_bytes(self, connection: Connection, path: str, now: int) -> None:
        """`/bytes/N` answers N bytes after the time to first event."""
        number = next(self._numbers)
        text = path.removeprefix("/bytes/")
        size = int(text) if text.isdigit() else 0
        data = answers.head(200, "application/octet-stream", size) + b"x" * size
        due = self.behaviour.timing.due_ns(number, 1)[0]
        self._admit(Answer(connection, Exchange(number, path, now), [Step(due, data)]))

    def _serve_lines(self, connection: Connection, path: str, now: int) -> None:
        """`/ndjson/N` answers N lines of JSON, one per event."""
        number = next(self._numbers)
        text = path.removeprefix("/ndjson/")
        lines = [b'{"line":%d}\n' % index for index in range(int(text) if text.isdigit() else 1)]
        due = self.behaviour.timing.due_ns(number, len(lines))
        steps = [Step(at, answers.chunk(line)) for at, line in zip(due, lines, strict=True)]
        steps[0] = Step(steps[0].due_ns, answers.head(200, "application/x-ndjson", None) + steps[0].data)
        steps[-1] = Step(steps[-1].due_ns, steps[-1].data + answers.LAST_CHUNK)
        self._admit(Answer(connection, Exchange(number, path, now), steps))

    def _admit(self, answer: Answer) -> None:
        if self._keep_record:
            self.exchanges.append(answer.exchange)
        slots = self.behaviour.slots
        if slots is not None and self._busy >= slots:
            self._queue.append(answer)
        else:
            self._begin(answer, answer.exchange.received_ns)

    def _begin(self, answer: Answer, now: int) -> None:
        self._busy += 1
        answer.exchange.began_ns = now
        answer.exchange.due_ns = [now + step.due_ns for step in answer.steps]
        self._schedule(answer)

    # writing

    def _schedule(self, answer: Answer) -> None:
        due = answer.exchange.due_ns[answer.at]
        heapq.heappush(self._due, (due, next(self._order), answer))
        if not self._armed_ns or due < self._armed_ns:
            self._armed_ns = due
            self.loop.call_at(due, self._write_due)

    def _write_due(self) -> None:
        due = self._due
        while due and due[0][0] <= monotonic_ns():
            answer = heapq.heappop(due)[2]
            self._write_next(answer)
        self._armed_ns = due[0][0] if due else 0
        if due:
            self.loop.call_at(self._armed_ns, self._write_due)

    def _write_next(self, answer: Answer) -> None:
        exchange = answer.exchange
        if answer.connection.closed:
            self._end(exchange)
            return
        step = answer.steps[answer.at]
        exchange.written_ns.append(monotonic_ns())
        if step.data:
            answer.connection.write(step.data)
        if step.after:
            self._break(answer.connection, step.after)
        answer.at += 1
        if answer.at < len(answer.steps):
            heapq.heappush(self._due, (exchange.due_ns[answer.at], next(self._order), answer))
        else:
            self._end(exchange)

    def _end(self, exchange: Exchange) -> None:
        exchange.ended_ns = monotonic_ns()
        self._busy -= 1
        if self._queue:
            self._begin(self._queue.popleft(), exchange.ended_ns)

    def _break(self, connection: Connection, how: After) -> None:
        if how == "reset":
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        if how == "die":
            self.died = True
            self.loop.unwatch(self._listener.fileno())
            self._listener.close()
            for other in list(self._connections):
                other.close()
