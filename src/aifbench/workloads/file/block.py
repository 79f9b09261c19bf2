"""Blocks that say what they are: whatever a read brings back can be checked without a second copy of the data.

Layout, little-endian, at the start of each block: magic, preparation seed, file number, offset, operation number that
wrote it (all ones: laid out before the load), CRC-32 of the rest of the block, CRC-32 of this header.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from random import Random

_HEADER = struct.Struct("<4sQQQQI")
_SEAL = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _SEAL.size
_MAGIC = b"aifB"
LAID_OUT = (1 << 64) - 1
POOL_BLOCKS = 4


def memory(size: int) -> mmap.mmap:
    """Page-aligned memory, as O_DIRECT needs it, touched so that no page fault comes later."""
    area = mmap.mmap(-1, size)
    for at in range(0, size, mmap.PAGESIZE):
        area[at] = 0
    return area


class BlockPool:
    """A few blocks of random bytes with known checksums; writing one costs a header, not a block."""

    def __init__(self, block_size: int, seed: int, file_base: int) -> None:
        self._seed = seed & LAID_OUT
        self._file_base = file_base
        self._areas = []
        self._views: list[memoryview] = []
        self._sums: list[int] = []
        source = Random(seed + file_base)
        for _ in range(POOL_BLOCKS):
            area = memory(block_size)
            area[:] = source.randbytes(block_size)
            view = memoryview(area)
            self._areas.append(area)
            self._views.append(view)
            self._sums.append(zlib.crc32(view[HEADER_BYTES:]))

    def block(self, file: int, offset: int, seq: int, index: int) -> memoryview:
        """Block `index` (below POOL_BLOCKS) of the pool, made out for that place; valid until it is asked for again."""
        view = self._views[index]
        _HEADER.pack_into(view, 0, _MAGIC, self._seed, self._file_base + file, offset, seq, self._sums[index])
        _SEAL.pack_into(view, _HEADER.size, zlib.crc32(view[: _HEADER.size]))
        return view

    def close(self) -> None:
        for view, area in zip(self._views, self._areas, strict=True):
            view.release()
            area.close()
        self._views.clear()


def fault(block: memoryview, seed: int, file: int, offset: int) -> str:
    """What is wrong with a block that was read from there; empty when nothing is."""
    magic, found_seed, found_file, found_offset, _, body_sum = _HEADER.unpack_from(block)
    (seal,) = _SEAL.unpack_from(block, _HEADER.size)
    if magic != _MAGIC or seal != zlib.crc32(block[: _HEADER.size]):
        return "the block's header is damaged or was never written"
    found, wanted = (found_seed, found_file, found_offset), (seed & LAID_OUT, file, offset)
    if found != wanted:
        return f"the block belongs to another place: seed, file, offset are {found}, expected {wanted}"
    return "" if zlib.crc32(block[HEADER_BYTES:]) == body_sum else "the block's checksum does not match"
