"""Server-sent events out of an answer's reads, each with the stamp of the read that brought its last byte.

Works on a finished answer, never while the load runs. Event stream syntax: WHATWG HTML, section 9.2.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from aifbench.load.transport.framing import FramingError

Event = tuple[int, bytes]
"""Monotonic nanoseconds of the read that brought the event's last byte, and its joined data lines (empty for
comments and for events without data)."""


class Content:
    """A body without its chunk framing that still knows when each byte was read."""

    def __init__(self, reads: Sequence[bytes], stamps: Sequence[int], *, chunked: bool) -> None:
        raw = b"".join(reads)
        self._read_ends: list[int] = []
        at = 0
        for data in reads:
            at += len(data)
            self._read_ends.append(at)
        self._stamps = stamps
        self._content_ends: list[int] = []  # end of each piece in the content
        self._shifts: list[int] = []  # raw position minus content position in that piece
        if chunked:
            self.data = b"".join(self._pieces(raw))
        else:
            self.data = raw
            self._content_ends = [len(raw)]
            self._shifts = [0]

    def _pieces(self, raw: bytes) -> Iterator[bytes]:
        at = 0
        end = 0
        while (line_end := raw.find(b"\r\n", at)) >= 0:
            try:
                length = int(raw[at:line_end].partition(b";")[0], 16)
            except ValueError as error:
                raise FramingError(f"a chunk header is {raw[at : at + 40]!r}") from error
            if length == 0:
                return
            begin = line_end + 2
            piece = raw[begin : begin + length]
            self._shifts.append(begin - end)
            end += len(piece)
            self._content_ends.append(end)
            yield piece
            at = begin + length + 2

    def stamp(self, position: int) -> int:
        """When the content byte at `position` was read, in nanoseconds."""
        piece = min(bisect_left(self._content_ends, position + 1), len(self._shifts) - 1)
        raw = position + self._shifts[piece]
        return self._stamps[min(bisect_left(self._read_ends, raw + 1), len(self._stamps) - 1)]


def events(content: Content) -> Iterator[Event]:
    """All complete events and comments in order; what is left without its blank line at the end is not an event."""
    data = content.data
    if b"\r" in data:
        yield from _events_crlf(content)
        return
    at = 0
    while (end := data.find(b"\n\n", at)) >= 0:
        block = data[at:end]
        yield content.stamp(end + 1), _data_of(block)
        at = end + 2


def stream_events(reads: Sequence[bytes], stamps: Sequence[int], *, chunked: bool) -> Iterator[Event]:
    """`events` of a whole body, quickly where a read holds whole chunks of one whole event each.

    Most servers write so. From the first read that does not look like that, the rest goes through `Content`.
    """
    index = 0
    if chunked:
        for index, data in enumerate(reads):
            at_ns = stamps[index]
            at = 0
            size = len(data)
            found = []
            while at < size:
                begin = data.find(b"\r\n", at) + 2
                try:
                    end = begin + int(data[at : begin - 2], 16)
                except ValueError:
                    break
                if (
                    data[end - 2 : end + 2] != b"\n\n\r\n"
                    or data[begin : begin + 6] != b"data: "
                    or data.find(b"\n", begin, end) != end - 2
                    or b"\r" in data[begin:end]
                ):
                    break
                found.append((at_ns, data[begin + 6 : end - 2]))
                at = end + 2
            if at != size:
                break
            yield from found
        else:
            return
    yield from events(Content(reads[index:], stamps[index:], chunked=chunked))


def _events_crlf(content: Content) -> Iterator[Event]:
    """The same for streams whose lines end with CR LF or CR."""
    data = content.data
    lines: list[bytes] = []
    at = 0
    size = len(data)
    while at < size:
        cr, lf = data.find(b"\r", at), data.find(b"\n", at)
        ends = [position for position in (cr, lf) if position >= 0]
        if not ends:
            return
        end = min(ends)
        after = end + 2 if data[end : end + 2] == b"\r\n" else end + 1
        if end == at:
            if lines:
                yield content.stamp(after - 1), _data_of(b"\n".join(lines))
                lines = []
        else:
            lines.append(data[at:end])
        at = after


def _data_of(block: bytes) -> bytes:
    if block.startswith(b"data:") and b"\n" not in block:
        return block[6:] if block[5:6] == b" " else block[5:]
    parts = []
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            value = line[5:]
            parts.append(value.removeprefix(b" "))
    return b"\n".join(parts)
