"""Multipart uploads: one operation `put` that is create, parts and complete on the wire.

Amazon S3 API Reference: CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload. The parts are
sent over a slot's own connections; an upload that fails is aborted before its operation ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from aifbench.clock import monotonic_ns
from aifbench.load.transport.http import Buffers
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.http_slot import HttpSlot
from aifbench.model.operation import OK, STALE, Operation
from aifbench.workloads.base import Done
from aifbench.workloads.object.s3 import S3

if TYPE_CHECKING:
    from aifbench.workloads.object.client import Asked, ObjectClient

CREATE, PART, COMPLETE, ABORT = "create", "part", "complete", "abort"
STEPS = (CREATE, PART, COMPLETE, ABORT)
"""Kinds of exchanges inside one upload; none of them is an operation of the load."""


class Upload:
    """What an upload leaves for the time after the load: its exchanges in the order in which they ended."""

    __slots__ = ("part_count", "steps")

    def __init__(self, part_count: int, steps: list[Operation] | None = None) -> None:
        self.part_count = part_count
        self.steps = steps or []

    def __reduce__(self) -> tuple[Any, ...]:
        return Upload, (self.part_count, self.steps)

    def part_ns(self) -> list[int]:
        """First byte of a part sent → last byte of its answer, of the parts that succeeded."""
        return [
            step.end - step.detail.begun_ns
            for step in self.steps
            if step.kind == PART and step.status == OK and isinstance(step.detail, HttpAnswer)
        ]


def cut(pieces: Sequence[bytes | memoryview], size: int) -> Iterator[list[memoryview]]:
    """The content in parts of `size` bytes, the last one shorter, without copying."""
    part: list[memoryview] = []
    room = size
    for piece in pieces:
        rest = memoryview(piece)
        while len(rest) >= room:
            yield [*part, rest[:room]]
            rest, part, room = rest[room:], [], size
        if len(rest):
            part.append(rest)
            room -= len(rest)
    if part:
        yield part


class MultipartSlot:
    """Connections of one user: plain operations go over the first, parts over all of them."""

    def __init__(self, client: ObjectClient, s3: S3, loop: Any, done: Done) -> None:
        self._client = client
        self._s3 = s3
        self._done = done
        self._slots: list[HttpSlot] = [client.open_wire(loop, self._ended) for _ in range(client.parts_at_once)]
        self._operation: Operation | None = None
        self._upload: Upload | None = None
        self._key = ""
        self._upload_id = ""
        self._waiting: Iterator[tuple[int, list[memoryview]]] = iter(())
        self._flying: dict[HttpSlot, Callable[[], Buffers]] = {}
        self._tags: dict[int, str] = {}
        self._failure: tuple[str, str] | None = None

    def start(self, operation: Operation) -> None:
        asked = self._client.ask(operation.seq, operation.kind)
        self._operation = operation
        if operation.kind != "put" or asked.size <= self._client.part_size:
            self._upload = None
            self._slots[0].start(operation)
            return
        self._begin(operation, asked)

    def _begin(self, operation: Operation, asked: Asked) -> None:
        pieces = self._client.content(asked)
        size = self._client.part_size
        self._upload = operation.detail = Upload(-(-asked.size // size))
        self._key = asked.key
        self._upload_id = ""
        self._waiting = enumerate(cut(pieces, size), start=1)
        self._tags = {}
        self._failure = None
        operation.start = monotonic_ns()
        operation.bytes_out = asked.size
        self._step(self._slots[0], CREATE, partial(self._s3.request, "POST", self._key, {"uploads": ""}))

    def _step(self, slot: HttpSlot, kind: str, build: Callable[[], Buffers], number: int = 0, attempt: int = 0) -> None:
        step = Operation(number, kind, monotonic_ns(), attempt)
        step.detail = build
        self._flying[slot] = build
        slot.start(step)

    def _ended(self, slot: Any, ended: Operation) -> None:
        operation = self._operation
        if operation is None:
            return  # given up
        if self._upload is None:
            self._operation = None
            self._done(self, operation)
            return
        build = self._flying.pop(slot)
        if ended.error == STALE and ended.attempt == 0:  # the server never saw it
            self._step(slot, ended.kind, build, ended.seq, attempt=1)
            return
        self._upload.steps.append(ended)
        if ended.status != OK and self._failure is None:
            self._failure = (ended.error, f"{ended.kind}: {ended.note}")
        if ended.kind == CREATE:
            self._created(ended)
        elif ended.kind == PART:
            self._sent(slot, ended)
        else:
            self._finish(operation, ended)

    def _created(self, ended: Operation) -> None:
        if self._failure is None:
            found = re.search(rb"<UploadId>([^<]+)</UploadId>", ended.detail.body())
            if found:
                self._upload_id = _unescaped(found[1])
            else:
                self._failure = ("bad-xml", f"{CREATE}: no UploadId in {ended.detail.body()[:120]!r}")
        if self._failure is not None:
            self._give_up_or_finish()
            return
        for slot in self._slots:
            if not self._send_part(slot):
                break

    def _send_part(self, slot: HttpSlot) -> bool:
        """False when no part is left."""
        if self._failure is not None:
            return False
        number, body = next(self._waiting, (0, []))
        if number:
            query = {"partNumber": str(number), "uploadId": self._upload_id}
            self._step(slot, PART, partial(self._s3.request, "PUT", self._key, query, body), number)
        return bool(number)

    def _sent(self, slot: HttpSlot, ended: Operation) -> None:
        if ended.status == OK:
            self._tags[ended.seq] = ended.detail.header("etag")
        if self._send_part(slot) or self._flying:
            return
        if self._failure is not None:
            self._give_up_or_finish()
            return
        query, body = {"uploadId": self._upload_id}, (parts_xml(self._tags),)
        self._step(self._slots[0], COMPLETE, partial(self._s3.request, "POST", self._key, query, body))

    def _give_up_or_finish(self) -> None:
        if self._upload_id:
            query = {"uploadId": self._upload_id}
            self._step(self._slots[0], ABORT, partial(self._s3.request, "DELETE", self._key, query))
        elif self._operation is not None and self._upload is not None:
            self._finish(self._operation, self._upload.steps[-1])

    def _finish(self, operation: Operation, last: Operation) -> None:
        if last.kind in (COMPLETE, ABORT) and last.status != OK:
            self._client.leave(self._key, self._upload_id)
        if last.kind == COMPLETE and last.status == OK and b"<Error>" in last.detail.body():
            # S3 may say so with status 200, because the head was sent before the parts were put together.
            self._failure = ("complete-failed", last.detail.body()[:300].decode("utf-8", "replace"))
        operation.first = last.first
        operation.last = operation.end = last.end
        if self._failure is None:
            operation.status = OK
        else:
            operation.fail(*self._failure)
        self._operation = None
        self._done(self, operation)

    def cancel(self, status: str, error: str) -> None:
        operation = self._operation
        if operation is None:
            return
        if self._upload is None:
            self._slots[0].cancel(status, error)
            return
        self._operation = None
        for slot in list(self._flying):
            slot.cancel(status, error)
        self._flying.clear()
        if self._upload_id:
            self._client.leave(self._key, self._upload_id)
        operation.last = operation.end = monotonic_ns()
        operation.fail(error, "", status)
        self._done(self, operation)

    def close(self) -> None:
        for slot in self._slots:
            slot.close()


def parts_xml(tags: dict[int, str]) -> bytes:
    """The body of CompleteMultipartUpload: every part's number and tag, in order."""
    root = ET.Element("CompleteMultipartUpload")
    for number in sorted(tags):
        part = ET.SubElement(root, "Part")
        ET.SubElement(part, "PartNumber").text = str(number)
        ET.SubElement(part, "ETag").text = tags[number]
    return ET.tostring(root)


def _unescaped(text: bytes) -> str:
    return str(ET.fromstring(b"<t>" + text + b"</t>").text)  # noqa: S314 - one text without any markup


_UPLOAD = re.compile(rb"<Upload>(.*?)</Upload>", re.DOTALL)


def abort_all(s3: S3, prefix: str) -> int:
    """Abort every unfinished upload of keys that begin with `prefix`; returns how many. Raises LoadError."""
    body = s3.one("GET", query={"uploads": "", "prefix": prefix}, good=(404, 501)).body()
    found = []
    for upload in _UPLOAD.findall(body):
        key, upload_id = (re.search(rb"<%b>([^<]*)</%b>" % (name, name), upload) for name in (b"Key", b"UploadId"))
        if key and upload_id and _unescaped(key[1]).startswith(prefix):
            found.append((_unescaped(key[1]), _unescaped(upload_id[1])))
    abort(s3, found)
    return len(found)


def abort(s3: S3, uploads: Sequence[tuple[str, str]]) -> None:
    """Of (key, upload id); one that is gone already is no failure. Raises LoadError."""
    s3.exchange(
        (partial(s3.request, "DELETE", key, {"uploadId": upload_id}) for key, upload_id in uploads), good=(404,)
    )
