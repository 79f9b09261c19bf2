"""Lines of JSON out of an answer's reads, each with the stamp of the read that brought its last byte.

Works on a finished answer, never while the load runs. One JSON value per line, ended by LF or CR LF; empty lines are
skipped (NDJSON, ndjson-spec 1.0). What stands after the last line end counts as a line when the body is complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aifbench.load.transport.sse import Content, Event


def stream_lines(reads: Sequence[bytes], stamps: Sequence[int], *, chunked: bool) -> Iterator[Event]:
    """All lines in order, without their ends. Raises FramingError."""
    content = Content(reads, stamps, chunked=chunked)
    data = content.data
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        if end < 0:
            end = len(data)
        line = data[at:end].strip()
        if line:
            yield content.stamp(min(end, len(data) - 1)), line
        at = end + 1
