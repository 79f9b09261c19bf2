"""The workload `vector-search`: options, preparation, and a client for each kind of target."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.model.service import Target
from aifbench.workloads.base import BlockingClient, PrepareContext, WireClient, WorkerContext, Workload
from aifbench.workloads.vector.options import VectorOptions

if TYPE_CHECKING:
    from aifbench.workloads.vector.driver import Driver

DRIVERS = {
    "chroma": "aifbench.workloads.vector.chroma:ChromaDriver",
    "milvus": "aifbench.workloads.vector.milvus:MilvusDriver",
    "faiss": "aifbench.workloads.vector.faiss:FaissDriver",
}
NEEDED: Mapping[str, tuple[str, ...]] = {"chroma": (), "milvus": ("pymilvus", "grpc"), "faiss": ("faiss",)}
"""Import names beside numpy."""


class VectorSearch(Workload):
    recipe_keys = VectorOptions
    summary = "Nearest-neighbour search in seeded clustered vectors, with recall against exact answers"
    family = "vector"
    targets = ("chroma", "milvus", "faiss")
    prepared_by = (
        "vectors", "dimension", "clusters", "spread", "queries", "metric", "k", "index", "m", "ef_construction",
        "nlist", "insert_batch", "insert_concurrency",
    )  # fmt: skip
    prepared_also_by: ClassVar[Mapping[str, tuple[str, ...]]] = {"chroma": ("ef",)}
    extra: ClassVar[Mapping[str, str]] = {"chroma": "chroma", "milvus": "milvus", "faiss": "faiss"}
    default_load: ClassVar[Mapping[str, Any]] = {"arrival": "closed", "concurrency": 4, "duration": "10s"}
    options: VectorOptions

    def missing(self, protocol: str) -> list[str]:
        return [name for name in NEEDED.get(protocol, ()) if find_spec(name) is None]

    def estimate_bytes(self) -> int:
        """Vectors here and in the target, with as much again for the index's links."""
        options = self.options
        row = 4 * options.dimension
        return options.vectors * (3 * row + 8 * options.m) + options.queries * (row + 16 * options.k)

    def prepare(self, context: PrepareContext) -> Mapping[str, Any]:
        from aifbench.workloads.vector.data import content_key, make
        from aifbench.workloads.vector.driver import metrics_of, seconds_since

        options = self.options
        collection = collection_name(context.run, context.preparation)
        driver = self._driver(context.target, collection)
        if options.index not in driver.kinds:
            raise LoadError(
                f"got index {options.index}, but {context.target.name} has {', '.join(driver.kinds)}",
                where="vector-search",
                hint=f"set index: {driver.kinds[0]}",
            )
        context.say("vectors and exact answers")
        before = monotonic_ns()
        data = make(Path(context.folder), options, context.seed)
        truth_s = seconds_since(before)
        context.say(f"inserting {options.vectors} vectors")
        loaded = driver.load(data, context.folder, context.say)
        return {
            "collection": collection,
            "key": content_key(options, context.seed),
            "vectors": options.vectors,
            "dimension": options.dimension,
            "index": loaded.index,
            "metrics": {**metrics_of(loaded, options.vectors), "ground_truth_time": truth_s},
            "reasons": loaded.reasons,
        }

    def open_client(self, context: WorkerContext) -> WireClient | BlockingClient:
        from aifbench.workloads.vector.data import load

        try:
            data = load(Path(context.prepared_folder), str(context.prepared["key"]))
        except OSError as error:
            raise LoadError(f"prepared data cannot be read: {error}", where="vector-search") from error
        return self._driver(context.target, str(context.prepared["collection"])).open_client(context, data)

    def cleanup(self, context: PrepareContext, prepared: Mapping[str, Any]) -> None:
        """Drop the collection that carries this run's and this preparation's name."""
        self._driver(context.target, collection_name(context.run, context.preparation)).drop()

    def _driver(self, target: Target, collection: str) -> Driver:
        try:
            endpoint = target.endpoint(*self.targets)
        except LookupError as error:
            raise LoadError(str(error), where="vector-search") from error
        module, _, name = DRIVERS[endpoint.protocol].partition(":")
        kind: type[Driver] = getattr(import_module(module), name)
        return kind(target, self.options, collection)


def collection_name(run: str, preparation: str) -> str:
    """Letters, digits and `_` only, at most 120 characters (Milvus's rule, the strictest); unique by its hash."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", f"{run}_{preparation}")[:90]
    return f"aif_{plain}_{hashlib.sha256(f'{run}/{preparation}'.encode()).hexdigest()[:10]}"
