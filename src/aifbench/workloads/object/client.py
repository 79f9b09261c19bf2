"""The load client of `object`: which request operation `seq` is, and what its answer was worth.

Keys are functions of the trial's seed and `seq`. Get, stat and list use objects put before the load; every put makes
a new one; the n-th delete of a trial takes the object of its (n - VICTIMS)-th put, the first ones objects put for it
before the load: so what is deleted was put long before, whatever the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aifbench.errors import LoadError
from aifbench.load.transport.framing import FramingError
from aifbench.load.transport.http import Buffers, HttpClient
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.http_slot import HttpSlot
from aifbench.model.operation import OK, Operation
from aifbench.model.options import single
from aifbench.workloads.base import Done, WorkerContext
from aifbench.workloads.draw import Draw, Weighted, choose_kind, mix, zipf
from aifbench.workloads.object.content import Contents
from aifbench.workloads.object.options import KeyChoice, ObjectOptions
from aifbench.workloads.object.s3 import S3, parse_list

VICTIMS = 64


class Asked(NamedTuple):
    """What one operation asks for. `number` is the object's among those put before the load, else -1."""

    key: str
    size: int
    number: int


class ObjectClient:
    def __init__(self, options: ObjectOptions, context: WorkerContext) -> None:
        prepared = context.prepared
        self._options = options
        self._seed = context.seed
        self._contents = Contents(options, prepared["prefix"], int(prepared["seed"]))
        self._s3 = S3(
            context.target.endpoint("s3"),
            prepared["bucket"],
            verify_tls=options.verify_tls,
            hash_payload=options.payload_hash == "sha256",
        )
        weights = options.mix.weights()
        self._names, self._weighted = list(weights), Weighted(list(weights.values()))
        choice: KeyChoice = single(options.keys)
        self._ranks = zipf(self._contents.count, options.zipf_exponent) if choice == "zipf" else None
        self._puts: list[int] = []
        self._deletes = 0
        self._scanned = 0
        self._chosen_below = round(options.verify * 2**64)
        self._memory_left = options.verify_memory
        self._facts = {"verified": 0, "mismatched": 0, "not_kept": 0}
        self._build: dict[str, Callable[[Asked], Buffers]] = {
            "get": lambda asked: self._s3.request("GET", asked.key),
            "stat": lambda asked: self._s3.request("HEAD", asked.key),
            "delete": lambda asked: self._s3.request("DELETE", asked.key),
            "put": lambda asked: self._s3.request(
                "PUT", asked.key, body=self._contents.payloads.buffers(asked.key, asked.size)
            ),
            "list": self._build_list,
        }
        self._wire = HttpClient(
            self._s3.url,
            lambda operation: self._build[operation.kind](self.ask(operation.seq, operation.kind)),
            keep=self._keep,
            bodyless=lambda operation: operation.kind == "stat",
            trust=self._s3.trust,
        )
        self._victims_missing = context.worker == 0 and "delete" in weights

    def _put_victims(self) -> None:
        """Outside of the measured window: T0 comes when every worker is ready."""

        def build(number: int) -> Callable[[], Buffers]:
            key = self._contents.trial_key(self._seed, f"v{number}")
            size = self._contents.trial_size(self._seed, -1 - number)
            return lambda: self._s3.request("PUT", key, body=self._contents.payloads.buffers(key, size))

        self._s3.exchange(build(number) for number in range(VICTIMS))

    # what is asked: pure functions of seed and seq

    def kind(self, seq: int) -> str:
        return choose_kind(self._seed, seq, self._names, self._weighted)

    def ask(self, seq: int, kind: str) -> Asked:
        if kind == "put":
            return Asked(
                self._contents.trial_key(self._seed, f"{seq:012d}"), self._contents.trial_size(self._seed, seq), -1
            )
        if kind == "delete":
            return self._victim(seq)
        draw = Draw(self._seed, seq)
        number = self._ranks.pick(draw.unit()) if self._ranks else draw.integer(0, self._contents.count - 1)
        return Asked(self._contents.key(number), self._contents.size(number), number)

    def _victim(self, seq: int) -> Asked:
        ordinal = self._deletes_before(seq)
        if ordinal < VICTIMS:
            return Asked(self._contents.trial_key(self._seed, f"v{ordinal}"), 0, -1)
        put = self._puts[ordinal - VICTIMS] if ordinal - VICTIMS < len(self._puts) else seq
        return Asked(self._contents.trial_key(self._seed, f"{put:012d}"), 0, -1)

    def _deletes_before(self, seq: int) -> int:
        """Counts on from the last call; the puts it passes are remembered."""
        if seq < self._scanned:
            self._puts, self._deletes, self._scanned = [], 0, 0
        for number in range(self._scanned, seq):
            kind = self.kind(number)
            if kind == "put":
                self._puts.append(number)
            elif kind == "delete":
                self._deletes += 1
        self._scanned = seq
        return self._deletes

    def _build_list(self, asked: Asked) -> Buffers:
        query = {"list-type": "2", "prefix": self._contents.base, "max-keys": str(self._options.list_keys)}
        if asked.number > 0:
            query["start-after"] = self._contents.key(asked.number - 1)
        return self._s3.request("GET", query=query)

    def _keep(self, operation: Operation) -> bool:
        """Whether the answer is kept to be checked; a seeded choice, as long as there is memory."""
        if (
            operation.kind not in ("get", "list")
            or mix(self._seed ^ ~operation.seq & (2**64 - 1)) >= self._chosen_below
        ):
            return False
        size = (
            self.ask(operation.seq, operation.kind).size if operation.kind == "get" else 400 * self._options.list_keys
        )
        if size > self._memory_left:
            self._facts["not_kept"] += 1
            return False
        self._memory_left -= size
        return True

    def open_slot(self, loop: Any, done: Done) -> HttpSlot:
        if self._victims_missing:
            self._victims_missing = False
            self._put_victims()
        return self._wire.open_slot(loop, done)

    # after the load

    def columns(self, operations: Sequence[Operation]) -> dict[str, list[int | None]]:
        """`ttfb_ns` (last request byte sent → first answer byte), `verified` (1 right, 0 wrong, None not checked).

        `bytes_in` and `bytes_out` become those of the objects, without heads.
        """
        rows = [self._judge(operation) for operation in operations]
        return {"ttfb_ns": [row[0] for row in rows], "verified": [row[1] for row in rows]}

    def _judge(self, operation: Operation) -> tuple[int | None, int | None]:
        answer = operation.detail
        if not isinstance(answer, HttpAnswer):
            return None, None
        ttfb = answer.first_ns - answer.sent_ns if answer.first_ns and answer.sent_ns else None
        if operation.kind == "delete":
            operation.bytes_out = operation.bytes_in = 0
            return ttfb, None
        asked = self.ask(operation.seq, operation.kind)
        operation.bytes_out = asked.size if operation.kind == "put" and operation.status == OK else 0
        if operation.kind == "get":
            operation.bytes_in = max(0, operation.bytes_in - len(answer.head) - 4) if answer.head else 0
        else:
            operation.bytes_in = 0
        if operation.status != OK:
            return ttfb, None
        wrong = self._fault(operation, answer, asked)
        if wrong is None:
            return ttfb, None
        self._facts["verified"] += 1
        if wrong:
            self._facts["mismatched"] += 1
            operation.fail("content-mismatch", wrong)
        return ttfb, int(not wrong)

    def _fault(self, operation: Operation, answer: HttpAnswer, asked: Asked) -> str | None:
        """What is wrong with a successful answer; empty when nothing is, None when nothing was looked at."""
        if operation.kind == "stat":
            told = answer.header("content-length")
            return "" if told == str(asked.size) else f"Content-Length {told or 'is missing'}, expected {asked.size}"
        if operation.kind == "get" and not answer.reads:
            short = operation.bytes_in != asked.size and not answer.chunked
            return f"{operation.bytes_in} bytes, expected {asked.size}" if short else None
        if operation.kind not in ("get", "list") or not answer.reads:
            return None
        try:
            content = answer.body()
            if operation.kind == "list":
                return self._list_fault(content, asked.number)
        except (FramingError, LoadError) as error:
            return str(error)
        operation.bytes_in = len(content)
        return self._contents.payloads.fault(asked.key, asked.size, content)

    def _list_fault(self, content: bytes, first: int) -> str:
        found, _ = parse_list(content)
        last = min(first + self._options.list_keys, self._contents.count)
        expected = [self._contents.key(number) for number in range(first, last)]
        return "" if found == expected else f"{len(found)} keys from {found[:1]}, expected {len(expected)}"

    def facts(self) -> dict[str, Any]:
        return {**self._wire.facts(), **self._facts}

    def close(self) -> None:
        self._wire.close()
