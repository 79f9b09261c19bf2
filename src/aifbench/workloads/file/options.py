"""What a recipe may say about the workload `file`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aifbench.model.options import Bytes, Count, Number, Options, Share, Sweep

Pattern = Literal["seq-read", "seq-write", "rand-read", "rand-write", "rand-mix", "fsync", "metadata"]
Sync = Literal["never", "each", "close"]
Cache = Literal["as-is", "drop"]
DIRECT_ALIGNMENT = 512
"""Smallest unit of O_DIRECT on any device; the file system may ask for more and then refuses."""


class MetadataMix(Options):
    """Weights of the operations of the pattern `metadata`."""

    create: Annotated[Number, Field(ge=0)] = Field(default=1.0, description="make a file of file_size bytes")
    stat: Annotated[Number, Field(ge=0)] = Field(default=1.0, description="ask for a file's attributes")
    read: Annotated[Number, Field(ge=0)] = Field(default=1.0, description="open a file and read all of it")
    delete: Annotated[Number, Field(ge=0)] = Field(default=1.0, description="remove a file")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.create + self.stat + self.read + self.delete <= 0:
            raise ValueError("all weights are 0; at least one must be above it")
        return self

    def weights(self) -> dict[str, float]:
        named = {"create": self.create, "stat": self.stat, "read": self.read, "delete": self.delete}
        return {name: weight for name, weight in named.items() if weight > 0}


class FileOptions(Options):
    pattern: Sweep[Pattern] = Field(
        default="seq-read",
        description="sequential or random reads or writes of one block each; rand-mix: both, by read_share; "
        "fsync: write a block and fdatasync; metadata: create, stat, read and delete whole files",
    )
    block_size: Sweep[Annotated[Bytes, Field(ge=64, le=1 << 30)]] = Field(
        default=128 * 1024, description="bytes per read or write"
    )
    file_size: Sweep[Bytes] = Field(
        default=64 << 20, description="bytes per file, a multiple of block_size (metadata: any size)"
    )
    files: Sweep[Count] = Field(default=1, description="files of each user (metadata: files there at the beginning)")
    fsync: Sweep[Sync] = Field(
        default="never", description="when written data is forced to the device: after each write, or per file"
    )
    overwrite: Sweep[bool] = Field(
        default=True, description="seq-write goes over files laid out before; false: each pass begins with an empty one"
    )
    direct: Sweep[bool] = Field(default=False, description="past the page cache (O_DIRECT)")
    cache: Sweep[Cache] = Field(
        default="as-is", description="drop: the files' pages are dropped from the cache before the load begins"
    )
    read_share: Sweep[Share] = Field(default=0.5, description="share of reads in rand-mix")
    metadata: MetadataMix = Field(default_factory=MetadataMix, description="weights of the pattern metadata")
    verify: Share = Field(default=0.05, description="share of reads whose content is checked, after the load")
    verify_memory: Bytes = Field(default=4 << 20, description="memory of each user for what is kept to be checked")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        patterns = self.pattern if isinstance(self.pattern, list) else [self.pattern]
        blocks = self.block_size if isinstance(self.block_size, list) else [self.block_size]
        sizes = self.file_size if isinstance(self.file_size, list) else [self.file_size]
        directs = self.direct if isinstance(self.direct, list) else [self.direct]
        if True in directs and "metadata" in patterns:
            raise ValueError("direct is not for the pattern metadata")
        if True in directs and any(block % DIRECT_ALIGNMENT for block in blocks):
            raise ValueError(f"direct needs a block_size that is a multiple of {DIRECT_ALIGNMENT}")
        if patterns != ["metadata"]:
            for block in blocks:
                for size in sizes:
                    if size < block or size % block:
                        raise ValueError(f"file_size {size} is not a multiple of block_size {block}")
        return self
