"""Reads, writes, fsync and metadata operations on files in a directory, each user on files of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aifbench.model.options import single
from aifbench.workloads.base import BlockingClient, PrepareContext, WorkerContext, Workload
from aifbench.workloads.file.options import FileOptions
from aifbench.workloads.folder import make_folder, remove_folder, run_folder


class File(Workload):
    recipe_keys = FileOptions
    summary = "Sequential and random reads and writes with fsync, and file creation, stat, read and delete"
    family = "file"
    transport = "file"
    targets = ("path",)
    prepared_by = ("block_size", "file_size")
    default_load: ClassVar[Mapping[str, Any]] = {"arrival": "closed", "concurrency": 1}
    options: FileOptions

    def estimate_bytes(self) -> int:
        """For one user: how many there are is the load's matter."""
        return single(self.options.file_size) * single(self.options.files)

    def prepare(self, context: PrepareContext) -> Mapping[str, Any]:
        """Only the folder: users lay out their own files when they connect, because nobody else knows how many."""
        return {"folder": str(make_folder(context)), "seed": context.seed, "metrics": {}}

    def open_client(self, context: WorkerContext) -> BlockingClient:
        from aifbench.workloads.file.client import FileClient

        return FileClient(self.options, context)

    def cleanup(self, context: PrepareContext, prepared: Mapping[str, Any]) -> None:
        remove_folder(run_folder(context.target, context.run, context.preparation))
