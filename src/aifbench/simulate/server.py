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

from aifbench.clock import monotonic_ns
from aifbench.load.loop import READ, WRITE, Loop
from aifbench.simulate import answers
from aifbench.simulate.faults import FAULTS, After, Answering, FaultRule, Step
from aifbench.simulate.record import Exchange
from aifbench.simulate.timing import Timing

TICK_NS = 100_000_000


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


class Connection:
    """One client connection: collects requests, holds what could not be written yet."""

    def __init__(self, server: Simulator, sock: socket.socket) -> None:
        self._server = server
        self.sock = sock
        self._received = b""
        self._unsent = bytearray()
        self.closed = False

    def on_ready(self, mask: int) -> None:
        if mask & WRITE and self._unsent:
            self._flush()
        if mask & ~WRITE:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()
            return
        now = monotonic_ns()
        self._received += data
        while not self.closed and (request := self._take_request()) is not None:
            self._server.on_request(self, *request, now)

    def _take_request(self) -> tuple[str, str, bytes] | None:
        """Method, path and body of a request that has arrived completely."""
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(rest) < length:
            return None
        self._received = rest[length:]
        method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        return method, path, rest[:length]

    def write(self, data: bytes) -> None:
        if self.closed:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._server.loop.watch(self.sock.fileno(), READ | WRITE, self.on_ready)

    def _flush(self) -> None:
        try:
            sent = self.sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._server.loop.watch(self.sock.fileno(), READ, self.on_ready)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._server.forget(self)
            self.sock.close()


@dataclass
class Answer:
    """One answer under way: its steps and how far it is."""

    connection: Connection
    exchange: Exchange
    steps: list[Step]
    at: int = 0


class Simulator:
    """Listens on `host`:`port` (0: any free port, then in `port`). `exchanges` is the record."""

    def __init__(self, behaviour: Behaviour, host: str = "127.0.0.1", port: int = 0) -> None:
        self.behaviour = behaviour
        self.loop = Loop()
        self.exchanges: list[Exchange] = []
        self._numbers = count()
        self._due: list[tuple[int, int, Answer]] = []
        self._order = count()
        self._armed_ns = 0
        self._busy = 0
        self._stopping = False
        self._queue: deque[Answer] = deque()
        self._connections: set[Connection] = set()
        self._listener = socket.create_server((host, port), backlog=4096)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.loop.watch(self._listener.fileno(), READ, self._accept)

    def run(self) -> None:
        """Until `stop`, which may be called from a signal handler or another thread."""
        self._tick()
        self.loop.run()

    def stop(self) -> None:
        """End within a tenth of a second."""
        self._stopping = True

    def _tick(self) -> None:
        if self._stopping:
            self.loop.stop()
        self.loop.call_at(monotonic_ns() + TICK_NS, self._tick)

    def close(self) -> None:
        for connection in list(self._connections):
            connection.close()
        if self._listener.fileno() >= 0:
            self.loop.unwatch(self._listener.fileno())
            self._listener.close()
        self.loop.close()

    def _accept(self, _mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(self, sock)
                self._connections.add(connection)
                self.loop.watch(sock.fileno(), READ, connection.on_ready)

    def forget(self, connection: Connection) -> None:
        """Called by a connection that is about to close its socket."""
        self.loop.unwatch(connection.sock.fileno())
        self._connections.discard(connection)

    # requests

    def on_request(self, connection: Connection, method: str, path: str, body: bytes, now: int) -> None:
        if path.endswith("/completions"):
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
        elif path == "/instant":
            connection.write(answers.head(200, "text/plain", 2) + b"ok")
        else:
            connection.write(answers.whole(404, {"error": {"message": f"{method} {path}: no such path"}}))

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
            self.loop.unwatch(self._listener.fileno())
            self._listener.close()
            for other in list(self._connections):
                other.close()
