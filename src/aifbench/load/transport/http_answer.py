"""What came back for one request: raw reads with their stamps, decoded only when somebody asks after the load."""

from __future__ import annotations

from typing import Any

from aifbench.load.transport.framing import dechunk


class HttpAnswer:
    """What came back. `reads` are raw body bytes as read (still chunked), `stamps` their monotonic nanoseconds.

    `kernel` holds the kernel's own stamps of the same reads, still undecoded, or is empty (`HttpClient.settle`).
    When the body is not kept, `reads` is empty and `stamps` holds the first and the last stamp only.
    `begun_ns` is when sending began (on a connection made for the operation: when that was there), `sent_ns` when the
    last request byte was handed to the kernel; `first_ns` when the first response byte was read.
    """

    __slots__ = ("begun_ns", "chunked", "first_ns", "head", "kernel", "reads", "reused", "sent_ns", "stamps", "status")

    def __init__(self) -> None:
        self.status = 0
        self.head = b""
        self.reads: list[bytes] = []
        self.stamps: list[int] = []
        self.kernel: list[bytes] = []
        self.begun_ns = 0
        self.sent_ns = 0
        self.first_ns = 0
        self.chunked = False
        self.reused = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, tuple(getattr(self, name) for name in self.__slots__)

    def body(self) -> bytes:
        """The content, chunk framing taken off. Raises FramingError."""
        raw = b"".join(self.reads)
        return dechunk(raw) if self.chunked else raw

    def header(self, name: str) -> str:
        """A response header's value, or an empty string."""
        wanted = name.lower().encode()
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == wanted:
                return value.strip().decode("latin-1")
        return ""


def _again(*values: Any) -> HttpAnswer:
    answer = HttpAnswer()
    for name, value in zip(HttpAnswer.__slots__, values, strict=True):
        setattr(answer, name, value)
    return answer
