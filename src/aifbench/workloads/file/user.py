"""One user's files and operations. What is not the operation itself (laying out, checking) happens outside of it."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.model.operation import OK, Operation
from aifbench.workloads.draw import Draw, mix
from aifbench.workloads.file.block import LAID_OUT, POOL_BLOCKS, BlockPool, memory

if TYPE_CHECKING:
    from aifbench.workloads.file.client import FileClient

FILES_PER_USER = 1 << 32
"""Numbers of files: user × this + index, so that a block names its file among those of all users."""


class Kept:
    """A block that was read and is checked after the load; it may be moved to disk before that, as plain bytes."""

    __slots__ = ("area", "file", "offset")

    def __init__(self, area: mmap.mmap | bytes, file: int, offset: int) -> None:
        self.area = area
        self.file = file
        self.offset = offset

    def __reduce__(self) -> tuple[type[Kept], tuple[bytes, int, int]]:
        return Kept, (self.area[:], self.file, self.offset)


class KeptFile(NamedTuple):
    """The same for a whole file."""

    content: bytes
    expected: bytes


class Synced(NamedTuple):
    """Nanoseconds that the fsync inside an operation took."""

    ns: int


def os_error(operation: Operation, error: OSError) -> None:
    """The kind is the error's name in small letters: `enospc`, `eio`, `efbig`."""
    operation.fail(errno.errorcode.get(error.errno or 0, "oserror").lower(), error.strerror or str(error))


class BlockUser:
    """Reads and writes of blocks in files that stay open."""

    def __init__(self, client: FileClient, user: int, folder: Path) -> None:
        self._client = client
        self._block = client.block_size
        self._blocks_per_file = client.file_size // client.block_size
        self._blocks = self._blocks_per_file * client.files
        self._base = user * FILES_PER_USER
        self._position = 0
        self._writes = client.pattern not in ("seq-read", "rand-read")
        self._fresh = client.pattern == "seq-write" and not client.overwrite
        self._sequential = client.pattern.startswith("seq")
        self._pool = BlockPool(self._block, client.data_seed, self._base)
        self._buffer = memory(self._block)
        self._spare = [memory(self._block) for _ in range(client.spare_blocks)]
        self._paths = [folder / f"d{index}" for index in range(client.files)]
        self._open: list[int] = []
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._open_files()
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> LoadError:
        if error.errno == errno.EINVAL and self._client.direct:
            return LoadError(
                f"the file system at {self._paths[0].parent} refuses O_DIRECT with blocks of {self._block} bytes",
                hint="leave out direct, use another directory, or a larger block_size",
            )
        return LoadError(f"cannot lay out files in {self._paths[0].parent}: {error.strerror}")

    # before the load

    def _open_files(self) -> None:
        before = monotonic_ns()
        laid_out = 0
        for index, path in enumerate(self._paths):
            if self._must_lay_out(path):
                self._lay_out(index, path)
                laid_out += self._client.file_size
        if laid_out:
            self._client.laid_out(laid_out, monotonic_ns() - before)
        flags = os.O_RDWR | os.O_CREAT | (os.O_DIRECT if self._client.direct else 0)
        for path in self._paths:
            descriptor = os.open(path, flags, 0o644)
            self._open.append(descriptor)
            if self._client.drop_cache:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        if self._client.direct:
            os.preadv(self._open[0], [self._buffer], 0)  # some file systems refuse O_DIRECT only here

    def _must_lay_out(self, path: Path) -> bool:
        """Files of an earlier trial are used again when they are whole."""
        if self._fresh:
            return False
        try:
            return path.stat().st_size != self._client.file_size
        except FileNotFoundError:
            return True

    def _lay_out(self, index: int, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            for number in range(self._blocks_per_file):
                offset = number * self._block
                view = self._pool.block(index, offset, LAID_OUT, number % POOL_BLOCKS)
                written = os.pwrite(descriptor, view, offset)
                if written != self._block:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    # the load

    def perform(self, operation: Operation) -> None:
        index, offset = self._place(operation.seq)
        try:
            if operation.kind == "read":
                self._read(operation, index, offset)
            else:
                self._write(operation, index, offset)
        except OSError as error:
            os_error(operation, error)

    def _place(self, seq: int) -> tuple[int, int]:
        """Which file and offset: the next block of this user, or one that the operation's number draws."""
        if self._sequential:
            number = self._position
            self._position = number + 1 if number + 1 < self._blocks else 0
        else:
            number = Draw(self._client.seed, seq).integer(0, self._blocks - 1)
        index, block = divmod(number, self._blocks_per_file)
        return index, block * self._block

    def _read(self, operation: Operation, index: int, offset: int) -> None:
        area = self._buffer
        keep = bool(self._spare) and self._client.chosen(operation.seq)
        if keep:
            area = self._spare.pop()
        count = os.preadv(self._open[index], (area,), offset)
        operation.bytes_in = count
        if count != self._block:
            operation.fail("short-read", f"{count} of {self._block} bytes at {offset}")
        else:
            operation.status = OK
            if keep:
                operation.detail = Kept(area, self._base + index, offset)

    def _write(self, operation: Operation, index: int, offset: int) -> None:
        descriptor = self._open[index]
        if not offset and self._fresh:
            os.ftruncate(descriptor, 0)
        seq = operation.seq
        count = os.pwritev(descriptor, (self._pool.block(index, offset, seq, seq % POOL_BLOCKS),), offset)
        operation.bytes_out = count
        if count != self._block:
            operation.fail("short-write", f"{count} of {self._block} bytes at {offset}")
            return
        if self._client.sync_each or (self._client.sync_file and offset + self._block == self._client.file_size):
            before = monotonic_ns()
            (os.fdatasync if operation.kind == "fsync" else os.fsync)(descriptor)
            operation.detail = Synced(monotonic_ns() - before)
        operation.status = OK

    def sync(self) -> None:
        """After the load: with `fsync: close` what is still in the cache is forced out; the time goes to the facts."""
        if self._writes and self._client.sync_file:
            before = monotonic_ns()
            for descriptor in self._open:
                with contextlib.suppress(OSError):
                    os.fsync(descriptor)
            self._client.synced_at_end(monotonic_ns() - before)

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
        self._pool.close()


class MetadataUser:
    """Creates, looks at, reads and deletes whole files in a folder of its own.

    The kind of each operation depends on its number only; which file it takes, on those that exist here now.
    """

    def __init__(self, client: FileClient, user: int, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._size = client.file_size
        self._payload = Random(client.data_seed + user).randbytes(self._size)
        self._keep_left = client.spare_blocks
        self._buffer = memory(max(self._size, 1))
        self._names: list[str] = []
        self._made = 0
        try:
            self._begin()
        except OSError as error:
            raise LoadError(f"cannot lay out files in {folder}: {error.strerror}") from error

    def _begin(self) -> None:
        """An empty folder, then `files` files: what an earlier trial left is this run's own and is removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            path.unlink()
        before = monotonic_ns()
        for _ in range(self._client.files):
            self._create(self._new_name())
        self._client.laid_out(self._client.files * self._size, monotonic_ns() - before)
        self._directory = os.open(self._folder, os.O_RDONLY)

    def _new_name(self) -> str:
        self._made += 1
        return str(self._folder / f"m{self._made}")

    def _create(self, name: str) -> int:
        """Bytes written; a file that could not be written whole is not kept."""
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            written = os.write(descriptor, self._payload) if self._size else 0
            if written != self._size:
                raise OSError(errno.ENOSPC, f"only {written} of {self._size} bytes were written")
            if self._client.sync_each or self._client.sync_file:
                os.fsync(descriptor)
        except OSError:
            os.unlink(name)  # noqa: PTH108 - no Path object in the measured part
            raise
        finally:
            os.close(descriptor)
        self._names.append(name)
        return written

    def perform(self, operation: Operation) -> None:
        try:
            if operation.kind != "create" and not self._names:
                self._create(self._new_name())  # nothing is left to look at: one is made first, and not measured
                self._client.refilled()
                operation.start = monotonic_ns()
            if operation.kind == "create":
                operation.bytes_out = self._create(self._new_name())
            else:
                self._use(operation)
        except OSError as error:
            os_error(operation, error)
            return
        operation.status = operation.status or OK

    def _use(self, operation: Operation) -> None:
        names = self._names
        index = mix(self._client.seed ^ mix(operation.seq)) * len(names) >> 64
        name = names[index]
        if operation.kind == "stat":
            os.stat(name)  # noqa: PTH116 - no Path object in the measured part
        elif operation.kind == "delete":
            names[index] = names[-1]
            names.pop()
            os.unlink(name)  # noqa: PTH108 - as above
        else:
            descriptor = os.open(name, os.O_RDONLY)
            try:
                count = os.readv(descriptor, (self._buffer,)) if self._size else 0
            finally:
                os.close(descriptor)
            operation.bytes_in = count
            if count != self._size:
                operation.fail("short-read", f"{count} of {self._size} bytes")
            elif self._keep_left and self._client.chosen(operation.seq):
                self._keep_left -= 1
                operation.detail = KeptFile(self._buffer[:count], self._payload)

    def close(self) -> None:
        os.close(self._directory)
