"""Put, get, stat, list and delete of objects by the S3 protocol, with contents that are checked after the load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aifbench.model.options import single
from aifbench.workloads.base import PrepareContext, WireClient, WorkerContext, Workload
from aifbench.workloads.object.options import ObjectOptions


class Object(Workload):
    recipe_keys = ObjectOptions
    summary = "Put, get, stat, list and delete of objects (S3), contents checked after the load"
    family = "object"
    transport = "s3"
    targets = ("s3",)
    prepared_by = ("object_size", "sizes", "objects", "bucket", "verify_tls")
    default_load: ClassVar[Mapping[str, Any]] = {"arrival": "closed", "concurrency": 4}
    options: ObjectOptions

    def estimate_bytes(self) -> int:
        """Of the objects put before the load; what a trial puts depends on its rate."""
        sizes = self.options.sizes
        each = single(self.options.object_size) if sizes is None else (sizes.low + sizes.high) // 2
        return each * single(self.options.objects)

    def prepare(self, context: PrepareContext) -> Mapping[str, Any]:
        from aifbench.workloads.object.prepare import prepare

        return prepare(context, self.options)

    def open_client(self, context: WorkerContext) -> WireClient:
        from aifbench.workloads.object.client import ObjectClient

        return ObjectClient(self.options, context)

    def cleanup(self, context: PrepareContext, prepared: Mapping[str, Any]) -> None:
        from aifbench.workloads.object.prepare import cleanup

        cleanup(context, self.options, prepared)
