"""The load client of `file`: kinds of operations, users, and what is found out after the load."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aifbench.model.operation import Operation
from aifbench.model.options import single
from aifbench.workloads.base import User, WorkerContext
from aifbench.workloads.draw import Weighted, choose_kind, mix
from aifbench.workloads.file.block import fault
from aifbench.workloads.file.options import Cache, FileOptions, Pattern, Sync
from aifbench.workloads.file.user import BlockUser, Kept, KeptFile, MetadataUser, Synced

_KINDS: Mapping[str, Sequence[str]] = {
    "seq-read": ("read",),
    "rand-read": ("read",),
    "seq-write": ("write",),
    "rand-write": ("write",),
    "rand-mix": ("read", "write"),
    "fsync": ("fsync",),
}


def process_io() -> dict[str, int]:
    """Bytes that this process made the storage layer fetch and will make it write; {} where the kernel does not tell.

    Source: proc(5), /proc/PID/io: `read_bytes` is counted when a device is read, `write_bytes` when a page is dirtied.
    """
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}


class FileClient:
    """One worker's users. What users ask of it during the load is read only."""

    def __init__(self, options: FileOptions, context: WorkerContext) -> None:
        self.pattern: Pattern = single(options.pattern)
        self.block_size = single(options.block_size)
        self.file_size = single(options.file_size)
        self.files = single(options.files)
        self.direct = single(options.direct)
        self.overwrite = single(options.overwrite)
        cache: Cache = single(options.cache)
        sync: Sync = single(options.fsync)
        self.drop_cache = cache == "drop"
        self.sync_each = sync == "each" or self.pattern == "fsync"
        self.sync_file = sync == "close"
        self.seed = context.seed
        self.data_seed = int(context.prepared["seed"])
        self._folder = Path(context.prepared["folder"])
        self._chosen_below = round(options.verify * 2**64)
        kept_size = max(1, self.file_size if self.pattern == "metadata" else self.block_size)
        self.spare_blocks = max(1, options.verify_memory // kept_size) if options.verify and self._reads(options) else 0
        self._names, weights = self._mix(options)
        self._weighted = Weighted(weights)
        self._lock = threading.Lock()
        self._block_users: list[BlockUser] = []
        self._io_before: dict[str, int] = {}
        self._io_after: dict[str, int] | None = None
        self._facts: dict[str, Any] = {}

    def _mix(self, options: FileOptions) -> tuple[list[str], list[float]]:
        if self.pattern == "metadata":
            weights = options.metadata.weights()
            return list(weights), list(weights.values())
        names = list(_KINDS[self.pattern])
        share = single(options.read_share)
        return names, [1.0] if len(names) == 1 else [share, 1.0 - share]

    def _reads(self, options: FileOptions) -> bool:
        return "read" in self._mix(options)[0]

    def kind(self, seq: int) -> str:
        return choose_kind(self.seed, seq, self._names, self._weighted)

    def chosen(self, seq: int) -> bool:
        """Whether what this read brings is to be checked."""
        return mix(self.seed ^ ~seq & 0xFFFFFFFFFFFFFFFF) < self._chosen_below

    def open_user(self, user: int) -> User:
        opened: User
        if self.pattern == "metadata":
            opened = MetadataUser(self, user, self._folder / f"m{user}")
        else:
            opened = BlockUser(self, user, self._folder / f"u{user}")
        with self._lock:
            if isinstance(opened, BlockUser):
                self._block_users.append(opened)
            self._io_before = process_io()
        return opened

    # what users tell, outside of operations

    def laid_out(self, size: int, ns: int) -> None:
        with self._lock:
            self._add("laid_out_bytes", size)
            self._add("laid_out_s", ns / 1e9)

    def synced_at_end(self, ns: int) -> None:
        with self._lock:
            self._add("fsync_at_end_s", ns / 1e9)

    def refilled(self) -> None:
        with self._lock:
            self._add("files_made_because_none_was_left", 1)

    def _add(self, name: str, amount: float) -> None:
        self._facts[name] = self._facts.get(name, 0) + amount

    # after the load

    def columns(self, operations: Sequence[Operation]) -> dict[str, list[int | None]]:
        """`fsync_ns`: what the fsync inside a write took. Reads that were kept are checked here.

        May be called for one batch of operations after the other: facts add up.
        """
        while self._block_users:
            self._block_users.pop().sync()
        self._end_io()
        checked = mismatched = 0
        for operation in operations:
            wrong = ""
            detail = operation.detail
            if isinstance(detail, Kept):
                wrong = fault(memoryview(detail.area), self.data_seed, detail.file, detail.offset)
            elif isinstance(detail, KeptFile):
                wrong = "" if detail.content == detail.expected else "the file's content is not what was written"
            else:
                continue
            checked += 1
            if wrong:
                mismatched += 1
                operation.fail("content-mismatch", wrong)
        reads = sum(operation.kind == "read" and operation.bytes_in > 0 for operation in operations)
        self._add("reads", reads)
        self._add("verified", checked)
        self._add("mismatched", mismatched)
        self._add("application_read_bytes", sum(operation.bytes_in for operation in operations))
        self._add("application_write_bytes", sum(operation.bytes_out for operation in operations))
        return {"fsync_ns": [o.detail.ns if isinstance(o.detail, Synced) else None for o in operations]}

    def _end_io(self) -> None:
        if self._io_after is None:
            self._io_after = process_io()

    def facts(self) -> dict[str, Any]:
        """Cache honesty: bytes of the device against bytes of operations, from the last connect on."""
        self._end_io()
        after, before = self._io_after or {}, self._io_before
        device = {
            f"device_{way}_bytes": after[f"{way}_bytes"] - before[f"{way}_bytes"]
            if f"{way}_bytes" in after and f"{way}_bytes" in before
            else None
            for way in ("read", "write")
        }
        return {**self._facts, **device}

    def close(self) -> None:
        """Users close their own files."""
