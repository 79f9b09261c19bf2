"""The load client of `object`: which request operation `seq` is, and what its answer was worth.

Keys are functions of the trial's seed and `seq`. Get, stat and list use objects put before the load; every put makes
a new one; the n-th delete of a trial takes the object of its (n - VICTIMS)-th put, the first ones objects put for it
before the load: so what is deleted was put long before, whatever the number of workers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aifbench.errors import LoadError
from aifbench.load.transport.framing import FramingError
from aifbench.load.transport.http import Buffers, HttpClient
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.http_slot import HttpSlot
from aifbench.model.operation import OK, Operation
from aifbench.model.options import single
from aifbench.workloads.base import Done, Slot, WorkerContext
from aifbench.workloads.draw import Draw, Weighted, choose_kind, mix, zipf
from aifbench.workloads.object.content import Contents
from aifbench.workloads.object.multipart import COMPLETE, CREATE, STEPS, MultipartSlot, Upload, abort
from aifbench.workloads.object.options import LARGEST, KeyChoice, ObjectOptions
from aifbench.workloads.object.s3 import S3, parse_list

VICTIMS = 64
ONE_SEND = 64 << 10
"""A request up to this size goes out in one call on an idle connection (Linux buffers more than that)."""


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
            "put": lambda asked: self._s3.request("PUT", asked.key, body=self.content(asked)),
            "list": self._build_list,
        }
        self._wire = HttpClient(
            self._s3.url,
            self._request,
            keep=self._keep,
            bodyless=lambda operation: operation.kind == "stat",
            trust=self._s3.trust,
            kernel_stamps=context.timestamps == "kernel",
        )
        self.part_size = LARGEST if options.part_size is None else single(options.part_size)
        self.parts_at_once = self.connections_per_slot = single(options.parts_at_once) if options.part_size else 1
        self._left: list[tuple[str, str]] = []
        self._victims_missing = context.worker == 0 and "delete" in weights

    def _put_victims(self) -> None:
        """Outside of the measured window: T0 comes when every worker is ready."""

        def build(number: int) -> Callable[[], Buffers]:
            key = self._contents.trial_key(self._seed, f"v{number}")
            size = self._contents.trial_size(self._seed, -1 - number)
            return lambda: self._s3.request("PUT", key, body=self._contents.payloads.buffers(key, size))

        self._s3.exchange(build(number) for number in range(VICTIMS))

    def _request(self, operation: Operation) -> Buffers:
        if operation.kind in STEPS:
            built: Buffers = operation.detail()
            return built
        return self._build[operation.kind](self.ask(operation.seq, operation.kind))

    def content(self, asked: Asked) -> list[bytes | memoryview]:
        return self._contents.payloads.buffers(asked.key, asked.size)

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
        if operation.kind in (CREATE, COMPLETE):
            return True
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

    def open_wire(self, loop: Any, done: Done) -> HttpSlot:
        return self._wire.open_slot(loop, done)

    def leave(self, key: str, upload_id: str) -> None:
        """Remember an upload that was given up, to be aborted after the load."""
        self._left.append((key, upload_id))

    def open_slot(self, loop: Any, done: Done) -> Slot:
        if self._victims_missing:
            self._victims_missing = False
            self._put_victims()
        if self._options.part_size is not None:
            return MultipartSlot(self, self._s3, loop, done)
        return self._wire.open_slot(loop, done)

    # after the load

    def columns(self, operations: Sequence[Operation]) -> dict[str, Sequence[Any]]:
        """`ttfb_ns` (last request byte sent → first answer byte), `verified` (1 right, 0 wrong, None not checked).

        Of puts `send_ns` (first → last request byte handed to the kernel), of multipart ones instead of both `parts`
        and `part_ns` (each part's first byte sent → last byte of its answer). A request of up to 64 KiB goes out in
        one call and counts as sent when that began: the call's end is stamped later than the answer may have come.
        `bytes_in` and `bytes_out` become those of the objects, without heads.
        """
        uploads = [operation.detail for operation in operations if isinstance(operation.detail, Upload)]
        self._wire.settle(operations)
        self._wire.settle([step for upload in uploads for step in upload.steps])
        rows = [self._judge(operation) for operation in operations]
        found: dict[str, Sequence[Any]] = {
            "ttfb_ns": [row[0] for row in rows],
            "verified": [row[1] for row in rows],
            "send_ns": [_send_ns(operation) for operation in operations],
        }
        if self._options.part_size is not None:
            found["parts"] = [one.part_count if isinstance(one := o.detail, Upload) else None for o in operations]
            found["part_ns"] = [one.part_ns() if isinstance(one := o.detail, Upload) else [] for o in operations]
        return found

    def _judge(self, operation: Operation) -> tuple[int | None, int | None]:
        answer = operation.detail
        if isinstance(answer, Upload):
            self._settle_upload(operation, answer)
        if not isinstance(answer, HttpAnswer):
            return None, None
        sent = answer.sent_ns if operation.bytes_out > ONE_SEND else answer.begun_ns
        ttfb = answer.first_ns - sent if answer.first_ns and answer.sent_ns else None
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

    def _settle_upload(self, operation: Operation, upload: Upload) -> None:
        operation.bytes_in = 0
        if operation.status != OK:
            operation.bytes_out = 0
        elif upload.steps:
            operation.last = operation.end = upload.steps[-1].end

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
        if self._left:
            with contextlib.suppress(LoadError):  # `cleanup` looks for them again
                abort(self._s3, self._left)


def _send_ns(operation: Operation) -> int | None:
    answer = operation.detail
    if operation.kind != "put" or not isinstance(answer, HttpAnswer) or not answer.sent_ns:
        return None
    return answer.sent_ns - answer.begun_ns
