"""`http`: one request, again and again, to whatever speaks HTTP/1.1; status, content and time to first byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from aifbench.errors import LoadError
from aifbench.load.transport.address import parse
from aifbench.load.transport.framing import FramingError
from aifbench.load.transport.http import HttpClient, encode_request
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.ndjson import stream_lines
from aifbench.load.transport.secret import resolve
from aifbench.load.transport.sse import stream_events
from aifbench.load.transport.trust import trust_of
from aifbench.model.operation import OK, Operation
from aifbench.model.options import Bytes, Options, Sweep, single
from aifbench.model.paths import LocalPath
from aifbench.workloads.base import Done, Slot, WireClient, WorkerContext, Workload

OURS = ("host", "content-length", "transfer-encoding", "connection")
LARGEST_BODY = 256 << 20
ONE_SEND = 64 << 10
"""A body up to this size goes out in one call on an idle connection (Linux buffers more than that)."""


class HttpOptions(Options):
    method: Annotated[str, Field(pattern=r"^[A-Z]{1,20}$")] = Field("GET", description="GET, POST, PUT, HEAD, …")
    path: Sweep[Annotated[str, Field(pattern=r"^/[!-~]*$")]] = Field(
        "/", description="path and query, behind the path that the target's address has"
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="further headers; secrets as ${env:NAME}, such as Authorization"
    )
    body: str | None = Field(None, description="text to send")
    body_file: Annotated[LocalPath, Field(min_length=1)] | None = Field(
        None, description="a file whose content is sent"
    )
    body_size: Sweep[Annotated[Bytes, Field(le=LARGEST_BODY)]] | None = Field(
        None, description="send so many bytes of no meaning"
    )
    content_type: str | None = Field(
        None, description="of the body; text/plain for `body`, application/octet-stream otherwise"
    )
    expect: list[Annotated[int, Field(ge=200, le=599)]] = Field(
        default_factory=list, description="statuses that are right; all of 200 to 299 when left out"
    )
    contains: str | None = Field(None, description="text that every right answer contains; looked at after the load")
    events: Literal["sse", "ndjson"] | None = Field(
        None, description="what an answer is a stream of: server-sent events, or lines of JSON; each gets its stamp"
    )
    verify_tls: bool = Field(
        True, description="check the server's certificate; `ca_file` in the target's attributes names its authority"
    )

    @field_validator("headers")
    @classmethod
    def _no_header_of_ours(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if name.lower() in OURS:
                raise ValueError(f"got {name}, which the client sets itself")
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or "\n" in text or "\r" in text:
                raise ValueError(f"got {name!r}: {text!r}, expected a header's name and a value of one line")
        return value

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        given = [name for name in ("body", "body_file", "body_size") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"got {' and '.join(given)}, expected one of them")
        if given and self.method in ("GET", "HEAD"):
            raise ValueError(f"got {given[0]} with {self.method}, expected a method that sends something, such as POST")
        return self


class Http(Workload):
    recipe_keys: ClassVar[type[Options]] = HttpOptions
    summary: ClassVar[str] = "One request, again and again, to whatever speaks HTTP/1.1"
    family: ClassVar[str] = "http"
    targets: ClassVar[tuple[str, ...]] = ("http", "openai", "chroma", "s3")
    transport: ClassVar[str] = "http"
    options: HttpOptions

    def open_client(self, context: WorkerContext) -> WireClient:
        return PlainClient(self.options, context)


def body_of(options: HttpOptions) -> bytes | None:
    """What is sent; None when nothing is. Raises LoadError for a file that cannot be read."""
    if options.body_file is not None:
        try:
            data = Path(options.body_file).read_bytes()
        except OSError as error:
            raise LoadError(f"body_file cannot be read: {error.strerror}", where=options.body_file) from error
        if len(data) > LARGEST_BODY:
            raise LoadError(f"got {len(data):,} bytes, expected at most {LARGEST_BODY:,}", where=options.body_file)
        return data
    if options.body_size is not None:
        return b"x" * single(options.body_size)
    return None if options.body is None else options.body.encode()


def event_stamps(kind: str | None, answer: HttpAnswer) -> tuple[list[int], str, str]:
    """The stamps of an answer's events, and what is wrong with them: error kind and note, or empty texts."""
    content_type = answer.header("content-type").lower()
    if "html" in content_type:
        return [], "not-a-stream", f"content type {content_type}: {b''.join(answer.reads)[:120]!r}"
    stamps: list[int] = []
    try:
        if kind == "sse":
            found = stream_events(answer.reads, answer.stamps, chunked=answer.chunked)
            stamps = [at_ns for at_ns, data in found if data]
        else:
            for at_ns, line in stream_lines(answer.reads, answer.stamps, chunked=answer.chunked):
                try:
                    json.loads(line)
                except ValueError:
                    return stamps, "bad-json", f"line {len(stamps) + 1} is not JSON: {line[:120]!r}"
                stamps.append(at_ns)
    except FramingError as error:
        return stamps, "bad-http", str(error)
    return (stamps, "", "") if stamps else ([], "no-events", f"no event in {b''.join(answer.reads)[:120]!r}")


class PlainClient:
    """The same bytes for every operation; answers are counted, and kept only where `contains` asks for it."""

    def __init__(self, options: HttpOptions, context: WorkerContext) -> None:
        endpoint = context.target.endpoint(*Http.targets)
        self._method = options.method
        self._expect = frozenset(options.expect or range(200, 300))
        self._contains = None if options.contains is None else options.contains.encode()
        self._events = options.events
        body = body_of(options)
        headers = {name: resolve(value) for name, value in options.headers.items()}
        if body is not None and "content-type" not in {name.lower() for name in headers}:
            kind = "text/plain; charset=utf-8" if options.body is not None else "application/octet-stream"
            headers["Content-Type"] = options.content_type or kind
        request = encode_request(options.method, single(options.path), parse(endpoint.url), body, headers)
        self._sent = len(body or b"")
        self._http = HttpClient(
            endpoint.url,
            lambda _: request,
            keep=self._contains is not None or self._events is not None,
            bodyless=lambda _: options.method == "HEAD",
            trust=trust_of(endpoint.attributes, verify=options.verify_tls),
            kernel_stamps=context.timestamps == "kernel",
            compressed="accept-encoding" in {name.lower() for name in headers},
        )

    def kind(self, seq: int) -> str:
        return self._method.lower()

    def open_slot(self, loop: Any, done: Done) -> Slot:
        return self._http.open_slot(loop, done)

    # after the load

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        """`ttfb_ns` (request sent → first answer byte), `http_status`, and `event_ns` where events were asked for.

        A request that goes out in one call counts as sent when the call began: the call's end is stamped later than
        the kernel may have received the answer.

        `bytes_in` and `bytes_out` become those of the bodies, without heads.
        """
        self._http.settle(operations)
        rows = [self._judge(operation) for operation in operations]
        found: dict[str, Sequence[Any]] = {
            "ttfb_ns": [row[0] for row in rows],
            "http_status": [row[1] for row in rows],
        }
        if self._events is not None:
            found["event_ns"] = [self._stamps_of_events(operation) for operation in operations]
        return found

    def _judge(self, operation: Operation) -> tuple[int | None, int | None]:
        answer = operation.detail
        if not isinstance(answer, HttpAnswer):
            return None, None
        operation.bytes_out = self._sent
        operation.bytes_in = max(0, operation.bytes_in - len(answer.head) - 4) if answer.head else 0
        self._check(operation, answer)
        sent = operation.start if self._sent <= ONE_SEND else answer.sent_ns
        ttfb = answer.first_ns - sent if answer.first_ns and answer.sent_ns else None
        return ttfb, answer.status or None

    def _check(self, operation: Operation, answer: HttpAnswer) -> None:
        refused = operation.error in ("redirect", f"http-{answer.status}")
        if refused and answer.status in self._expect:
            operation.status, operation.error, operation.note = OK, "", ""
        elif operation.status == OK and answer.status not in self._expect:
            operation.fail(f"http-{answer.status}", f"expected {', '.join(map(str, sorted(self._expect)))}")
        if operation.status == OK and self._contains is not None:
            try:
                held = self._contains in answer.body()
            except FramingError as error:
                operation.fail("bad-http", str(error))
                return
            if not held:
                operation.fail("content-mismatch", f"the text is not in {answer.body()[:120]!r}")

    def _stamps_of_events(self, operation: Operation) -> list[int]:
        """Of all events that came, also before a failure. What is no event makes the operation an error."""
        answer = operation.detail
        if not isinstance(answer, HttpAnswer) or not 200 <= answer.status < 300:
            return []
        stamps, error, note = event_stamps(self._events, answer)
        if error and operation.status == OK:
            operation.fail(error, note)
        return stamps

    def facts(self) -> Mapping[str, Any]:
        return self._http.facts()

    def close(self) -> None:
        self._http.close()
