"""Object contents that say what they are: made from one shared buffer without copying, checked from any bytes read.

An object is a row of blocks. Each begins with a header (magic, seed, object, offset, object size, CRC-32 of the rest
of the block, CRC-32 of the header); what follows is a slice of the shared random buffer. A last piece too short for a
header is a slice alone.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from random import Random

_HEADER = struct.Struct("<4sQQQQI")
_SEAL = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _SEAL.size
_MAGIC = b"aifO"
_MASK = (1 << 64) - 1
SMALLEST_BLOCK = 64 * 1024
MOST_BLOCKS = 256
"""Header and slice of every block go to one `sendmsg`, which takes at most 1024 buffers (IOV_MAX)."""
_STARTS = 16
_STRIDE = 4096


def block_bytes(size: int) -> int:
    """Block size of an object of that size: a power of two."""
    block = SMALLEST_BLOCK
    while block * MOST_BLOCKS < size:
        block *= 2
    return block


def identity(key: str) -> int:
    """64 bits that stand for the key in headers."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")


class Payloads:
    """Contents for all objects of one preparation up to `largest` bytes."""

    def __init__(self, seed: int, largest: int) -> None:
        self._seed = seed & _MASK
        length = min(block_bytes(largest), largest) + _STARTS * _STRIDE
        self._pool = memoryview(Random(seed).randbytes(length))
        self._sums: dict[tuple[int, int], int] = {}

    def _slice(self, object_id: int, number: int, length: int) -> tuple[memoryview, int]:
        start = (object_id + number) % _STARTS * _STRIDE
        view = self._pool[start : start + length]
        total = self._sums.get((start, length))
        if total is None:
            total = self._sums[start, length] = zlib.crc32(view)
        return view, total

    def buffers(self, key: str, size: int) -> list[bytes | memoryview]:
        """The object's content as pieces to send one after the other."""
        object_id = identity(key)
        block = block_bytes(size)
        pieces: list[bytes | memoryview] = []
        for number, offset in enumerate(range(0, size, block)):
            length = min(block, size - offset)
            if length <= HEADER_BYTES:
                pieces.append(self._slice(object_id, number, length)[0])
                continue
            view, total = self._slice(object_id, number, length - HEADER_BYTES)
            head = _HEADER.pack(_MAGIC, self._seed, object_id, offset, size, total)
            pieces += [head + _SEAL.pack(zlib.crc32(head)), view]
        return pieces

    def fault(self, key: str, size: int, content: bytes) -> str:
        """What is wrong with the content read under that key; empty when nothing is."""
        if len(content) != size:
            return f"{len(content)} bytes, expected {size}"
        object_id = identity(key)
        block = block_bytes(size)
        view = memoryview(content)
        for number, offset in enumerate(range(0, size, block)):
            part = view[offset : offset + block]
            if len(part) <= HEADER_BYTES:
                if part != self._slice(object_id, number, len(part))[0]:
                    return f"the piece at {offset} is not what was written"
                continue
            wrong = self._block_fault(part, object_id, offset, size)
            if wrong:
                return f"block at {offset}: {wrong}"
        return ""

    def _block_fault(self, part: memoryview, object_id: int, offset: int, size: int) -> str:
        magic, *place, total = _HEADER.unpack_from(part)
        (seal,) = _SEAL.unpack_from(part, _HEADER.size)
        if magic != _MAGIC or seal != zlib.crc32(part[: _HEADER.size]):
            return "its header is damaged"
        expected = [self._seed, object_id, offset, size]
        if place != expected:
            return f"it belongs elsewhere: seed, object, offset, size are {place}, expected {expected}"
        return "" if total == zlib.crc32(part[HEADER_BYTES:]) else "its checksum does not match"
