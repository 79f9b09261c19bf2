"""Lines of JSON and when each came."""

from __future__ import annotations

from aifbench.load.transport.ndjson import stream_lines


def lines(*reads: bytes, chunked: bool = False) -> list[tuple[int, bytes]]:
    return list(stream_lines(reads, range(10, 10 + len(reads)), chunked=chunked))


def test_a_line_has_the_stamp_of_the_read_that_brought_its_end() -> None:
    assert lines(b'{"a":1}\n{"b"', b":2}\n", b'{"c":3}\n') == [(10, b'{"a":1}'), (11, b'{"b":2}'), (12, b'{"c":3}')]


def test_the_line_end_counts_and_not_only_its_text() -> None:
    assert lines(b'{"a":1}', b"\n") == [(11, b'{"a":1}')]


def test_a_last_line_without_an_end_is_a_line_and_empty_lines_are_none() -> None:
    assert lines(b"\n1\r\n\r\n", b"2") == [(10, b"1"), (11, b"2")]


def test_chunk_framing_is_no_part_of_a_line() -> None:
    assert lines(b"3\r\n1\n2\r\n", b"2\r\n3\n\r\n0\r\n\r\n", chunked=True) == [(10, b"1"), (11, b"23")]
