"""Where a response ends, however its bytes are cut into reads."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aifbench.load.transport.framing import ChunkedEnd, FramingError, dechunk, may_begin, parse_head
from aifbench.load.transport.sse import Content, events, stream_events


def chunked(pieces: list[bytes], trailer: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n" + trailer + b"\r\n"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(marks) if a != b]


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    places=st.lists(st.integers(0, 500), max_size=12),
    trailer=st.sampled_from([b"", b"X-Sum: 1\r\n"]),
)
def test_the_last_chunk_is_found_at_the_last_read_and_not_before(
    pieces: list[bytes], places: list[int], trailer: bytes
) -> None:
    reads = cut(chunked(pieces, trailer), places)
    end = ChunkedEnd()
    assert [end.feed(read) for read in reads] == [False] * (len(reads) - 1) + [True]


@given(data=st.binary(max_size=12))
def test_only_what_can_be_an_http_head_is_waited_for(data: bytes) -> None:
    assert all(may_begin(b"HTTP/1.1 200 OK"[:length]) for length in range(15))
    assert may_begin(data) == (data[:7] == b"HTTP/1."[: len(data)])


@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_dechunk_gives_the_content_back(pieces: list[bytes]) -> None:
    assert dechunk(chunked(pieces)) == b"".join(pieces)


@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=12),
        min_size=1,
        max_size=6,
    ),
    places=st.lists(st.integers(0, 600), max_size=20),
    crlf=st.booleans(),
)
def test_each_event_has_the_stamp_of_the_read_with_its_last_byte(
    texts: list[str], places: list[int], crlf: bool
) -> None:
    line_end = b"\r\n" if crlf else b"\n"
    raw = b""
    last_bytes = []
    for text in texts:
        raw += chunked([b"data: " + text.encode() + line_end * 2]).removesuffix(b"0\r\n\r\n")
        last_bytes.append(len(raw) - 3)  # the chunk's own CRLF follows
    reads = cut(raw + b"0\r\n\r\n", places)
    ends = list(accumulate(len(read) for read in reads))
    stamps = list(range(len(reads)))
    found = list(events(Content(reads, stamps, chunked=True)))
    assert list(stream_events(reads, stamps, chunked=True)) == found
    assert [data for _, data in found] == [text.encode() for text in texts]
    assert [at_ns for at_ns, _ in found] == [bisect_right(ends, last) for last in last_bytes]


def test_an_event_without_its_blank_line_is_not_an_event() -> None:
    content = Content([b"data: a\n\ndata: b\n"], [1], chunked=False)
    assert [data for _, data in events(content)] == [b"a"]


def test_comments_are_events_without_data() -> None:
    content = Content([b": ping\n\ndata: a\ndata: b\n\n"], [1], chunked=False)
    assert [data for _, data in events(content)] == [b"", b"a\nb"]


@pytest.mark.parametrize("head", [b"SSH-2.0-x", b"HTTP/1.1 abc", b"HTTP/1.1 200 OK\r\nContent-Length: -1", b""])
def test_what_is_not_http_is_said(head: bytes) -> None:
    with pytest.raises(FramingError):
        parse_head(head)


def test_a_bad_chunk_size_is_said() -> None:
    with pytest.raises(FramingError):
        ChunkedEnd().feed(b"zz\r\n")


@pytest.mark.parametrize(
    ("head", "length", "chunked_", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", 5, False, True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked", None, True, True),
        (b"HTTP/1.1 200 OK\r\nConnection: close", None, False, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1", 1, False, False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1", 1, False, True),
        (b"HTTP/1.1 204 No Content", 0, False, True),
    ],
)
def test_head_says_how_the_body_ends(head: bytes, length: int | None, chunked_: bool, keep: bool) -> None:
    parsed = parse_head(head)
    assert (parsed.length, parsed.chunked, parsed.keep_alive) == (length, chunked_, keep)
