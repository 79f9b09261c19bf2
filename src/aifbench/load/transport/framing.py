"""Where an HTTP/1.1 response ends, looking at as few bytes as possible (RFC 9112, sections 6 and 7).

Nothing is decoded here while the load runs: `ChunkedEnd` jumps from chunk header to chunk header and is asked only
when a read ends like a last chunk could. `dechunk` is for afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass


class FramingError(Exception):
    """The bytes are not HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a response says about its own end."""

    status: int
    length: int | None  # None: chunked or until close
    chunked: bool
    keep_alive: bool
    encoding: str = ""  # of the content, where it is not what it is: gzip, …


def no_status_line(data: bytes) -> FramingError:
    return FramingError(f"the answer begins with {data[:60]!r}, not with an HTTP/1.1 status line")


def may_begin(data: bytes) -> bool:
    """Whether these first bytes of an answer can be those of an HTTP/1.1 head."""
    return b"HTTP/1.".startswith(data[:7])


def parse_head(head: bytes) -> Head:
    """`head` without the blank line that ends it. Raises FramingError."""
    first, _, rest = head.partition(b"\r\n")
    parts = first.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit() or len(parts[1]) != 3:
        raise no_status_line(first)
    status = int(parts[1])
    length: int | None = None
    chunked = False
    keep_alive = parts[0] != b"HTTP/1.0"
    encoding = ""
    for line in rest.split(b"\r\n"):
        name, _, value = line.partition(b":")
        key = name.strip().lower()
        if key == b"content-length":
            text = value.strip()
            if not text.isdigit():
                raise FramingError(f"Content-Length is {text[:40]!r}")
            length = int(text)
        elif key == b"transfer-encoding":
            chunked = b"chunked" in value.lower()
        elif key == b"connection":
            word = value.strip().lower()
            keep_alive = word != b"close" and (keep_alive or word == b"keep-alive")
        elif key == b"content-encoding":
            encoding = value.strip().lower().decode("latin-1")
    if status in (204, 304) or status < 200:
        return Head(status, 0, chunked=False, keep_alive=keep_alive)
    return Head(status, None if chunked else length, chunked, keep_alive, "" if encoding == "identity" else encoding)


class ChunkedEnd:
    """Finds the last chunk of a chunked body; bytes are fed in reads as they came."""

    __slots__ = ("_buffer", "_skip", "_trailer")

    def __init__(self) -> None:
        self._buffer = b""  # what is left of reads: at most a partial chunk header or trailer
        self._skip = 0  # bytes of chunk data (and its CRLF) still to jump over
        self._trailer = False

    def feed(self, data: bytes) -> bool:
        """True when the body ended with these bytes. Raises FramingError."""
        if self._skip >= len(data) and not self._buffer:
            self._skip -= len(data)
            return False
        view = self._buffer + data
        at = self._skip
        size = len(view)
        while at < size:
            line_end = view.find(b"\r\n", at)
            if line_end < 0:
                if size - at > 8192:
                    raise FramingError("a chunk header is longer than 8 KiB")
                break
            if self._trailer:
                if line_end == at:
                    return True
                at = line_end + 2
                continue
            text = view[at:line_end].partition(b";")[0].strip()
            try:
                length = int(text, 16)
            except ValueError as error:
                raise FramingError(f"a chunk header is {text[:40]!r}") from error
            if length == 0:
                self._trailer = True
                at = line_end + 2
            else:
                at = line_end + 2 + length + 2
        if at >= size:
            self._skip = at - size
            self._buffer = b""
        else:
            self._skip = 0
            self._buffer = view[at:]
        return False


def dechunk(body: bytes) -> bytes:
    """The content of a chunked body, complete or cut off. Raises FramingError."""
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = body.find(b"\r\n", at)
        if line_end < 0:
            return b"".join(parts)
        try:
            length = int(body[at:line_end].partition(b";")[0], 16)
        except ValueError as error:
            raise FramingError(f"a chunk header is {body[at : at + 40]!r}") from error
        if length == 0:
            return b"".join(parts)
        parts.append(body[line_end + 2 : line_end + 2 + length])
        at = line_end + 2 + length + 2
