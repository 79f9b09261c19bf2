"""`grpc`: one method of any gRPC server, again and again, by the encoded request; messages are counted and stamped."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from aifbench.errors import LoadError
from aifbench.load.transport.grpc_channel import METADATA_KEY, metadata_of
from aifbench.model.operation import OK, Operation
from aifbench.model.options import SECRET, Options, Sweep, single
from aifbench.model.paths import LocalPath
from aifbench.workloads.base import Done, Slot, WireClient, WorkerContext, Workload

LARGEST_REQUEST = 64 << 20


class GrpcOptions(Options):
    method: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_.]+/[A-Za-z0-9_]+$")] = Field(
        "/grpc.health.v1.Health/Check", description="its path: /package.Service/Method"
    )
    request_hex: str | None = Field(None, description="the encoded request in hexadecimal digits")
    request_base64: str | None = Field(None, description="the encoded request in base64")
    request_file: Annotated[LocalPath, Field(min_length=1)] | None = Field(
        None, description="a file that holds the encoded request; without any of the three an empty message is sent"
    )
    streaming: bool = Field(False, description="the server answers with a stream of messages; each gets its stamp")
    metadata: dict[str, str] = Field(
        default_factory=dict,
        description="sent with every call; secrets as ${env:NAME}, values of keys in -bin as base64",
    )
    messages: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = Field(
        None, description="how many messages a right answer has"
    )
    contains: str | None = Field(
        None, description="text that a message of every right answer contains; looked at after the load"
    )
    calls_per_connection: Sweep[Annotated[int, Field(ge=1, le=100)]] = Field(
        1, description="how many calls at a time share a connection; 1: each user has one of their own"
    )

    @field_validator("metadata")
    @classmethod
    def _good_metadata(cls, value: dict[str, str]) -> dict[str, str]:
        for key, text in value.items():
            if not METADATA_KEY.fullmatch(key) or key.startswith("grpc-"):
                raise ValueError(
                    f"got key {key!r}, expected small letters, digits and _.- and no grpc- at its beginning"
                )
            if key.endswith("-bin"):
                if not SECRET.search(text):
                    _decoded(text, "base64")
            elif not all(" " <= sign <= "~" for sign in text):
                raise ValueError(f"got {key}: {text!r}, expected printable ASCII, or a key in -bin with base64")
        return value

    @model_validator(mode="after")
    def _one_request(self) -> Self:
        given = [name for name in ("request_hex", "request_base64", "request_file") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"got {' and '.join(given)}, expected one of them")
        for name in ("hex", "base64"):
            text = getattr(self, f"request_{name}")
            if text is not None:
                _decoded(text, name)
        if self.messages is not None and not self.streaming and self.messages != 1:
            raise ValueError(
                f"got messages: {self.messages}, but an answer that is no stream has one (streaming: true)"
            )
        return self


def _decoded(text: str, kind: str) -> bytes:
    """Raises ValueError that shows the text."""
    try:
        return bytes.fromhex(text) if kind == "hex" else base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"got {text[:60]!r}, expected {kind}: {error}") from error


def request_of(options: GrpcOptions) -> bytes:
    """The encoded request. Raises LoadError for a file that cannot be read."""
    if options.request_hex is not None:
        return _decoded(options.request_hex, "hex")
    if options.request_base64 is not None:
        return _decoded(options.request_base64, "base64")
    if options.request_file is None:
        return b""
    try:
        data = Path(options.request_file).read_bytes()
    except OSError as error:
        raise LoadError(f"request_file cannot be read: {error.strerror}", where=options.request_file) from error
    if len(data) > LARGEST_REQUEST:
        raise LoadError(f"got {len(data):,} bytes, expected at most {LARGEST_REQUEST:,}", where=options.request_file)
    return data


class Grpc(Workload):
    recipe_keys: ClassVar[type[Options]] = GrpcOptions
    summary: ClassVar[str] = "One method of any gRPC server, unary or server-streaming, again and again"
    family: ClassVar[str] = "grpc"
    targets: ClassVar[tuple[str, ...]] = ("grpc",)
    extra: ClassVar[Mapping[str, str]] = {"grpc": "grpc"}
    options: GrpcOptions

    def missing(self, protocol: str) -> list[str]:
        return [] if find_spec("grpc") else ["grpc"]

    def open_client(self, context: WorkerContext) -> WireClient:
        return MethodClient(self.options, context)


class MethodClient:
    """The same bytes for every call; messages are kept only where `contains` asks for it."""

    def __init__(self, options: GrpcOptions, context: WorkerContext) -> None:
        from aifbench.load.transport.grpc import GrpcClient

        request = request_of(options)
        self._name = options.method.rpartition("/")[2]
        self._options = options
        self._contains = None if options.contains is None else options.contains.encode()
        self._grpc = GrpcClient(
            context.target.endpoint(*Grpc.targets),
            options.method,
            lambda _: request,
            timeout_s=context.timeout_s,
            streaming=options.streaming,
            metadata=metadata_of(options.metadata),
            keep=self._contains is not None,
            calls_per_connection=single(options.calls_per_connection),
        )
        self.events_per_operation = options.messages or 1

    def kind(self, seq: int) -> str:
        return self._name

    def make_loop(self) -> Any:
        return self._grpc.make_loop()

    def open_slot(self, loop: Any, done: Done) -> Slot:
        return self._grpc.open_slot(loop, done)

    # after the load

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        """`ttfm_ns` (start → first message), `messages`, `grpc_code`, and `message_ns`, the stamps of all of them."""
        for operation in operations:
            self._check(operation)
        answers = [operation.detail for operation in operations]
        return {
            "ttfm_ns": [one.first - one.start if one.first else None for one in operations],
            "messages": [len(answer.stamps) if answer else None for answer in answers],
            "grpc_code": [answer.code or None if answer else None for answer in answers],
            "message_ns": [answer.stamps if answer else [] for answer in answers],
        }

    def _check(self, operation: Operation) -> None:
        answer, wanted = operation.detail, self._options.messages
        if operation.status != OK:
            return
        if wanted is not None and len(answer.stamps) != wanted:
            operation.fail("wrong-count", f"got {len(answer.stamps)} messages, expected {wanted}")
        elif self._contains is not None and not any(self._contains in message for message in answer.messages):
            operation.fail("content-mismatch", f"the text is in none of {len(answer.messages)} messages")

    def facts(self) -> Mapping[str, Any]:
        return self._grpc.facts()

    def close(self) -> None:
        self._grpc.close()
