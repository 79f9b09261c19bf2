"""Faiss in the worker's own process: what the index alone costs, without any server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.model.operation import OK, Operation
from aifbench.workloads.base import WorkerContext
from aifbench.workloads.vector.columns import KIND, columns, query_of
from aifbench.workloads.vector.driver import Driver, Loaded, seconds_since
from aifbench.workloads.vector.options import VectorOptions, search_parameters

if TYPE_CHECKING:
    from aifbench.workloads.vector.data import DataSet


class FaissDriver(Driver):
    kinds = ("hnsw", "ivf", "flat")

    def _path(self, folder: str) -> Path:
        return Path(folder) / f"{self.collection}.faiss"

    def load(self, data: DataSet, folder: str, say: Callable[[str], None]) -> Loaded:
        import faiss
        import numpy as np

        options = self.options
        index = make_index(faiss, options)
        vectors = np.array(data.vectors)
        before = monotonic_ns()
        if options.metric == "cosine":
            faiss.normalize_L2(vectors)
        if not index.is_trained:
            say("training")
            index.train(vectors)
        trained_s = seconds_since(before)
        for start in range(0, len(vectors), options.insert_batch):
            index.add(vectors[start : start + options.insert_batch])
        total_s = seconds_since(before)
        path = self._path(folder)
        unfinished = path.with_name(f".{path.name}")
        faiss.write_index(index, str(unfinished))
        unfinished.replace(path)
        return Loaded(
            insert_s=total_s - trained_s,
            index_build_s=total_s,
            searchable_s=total_s,
            index_bytes=path.stat().st_size,
            index={"kind": type(index).__name__, "threads": faiss.omp_get_max_threads()},
        )

    def drop(self) -> None:
        """The index is a file of the preparation, which stays with the run."""

    def open_client(self, context: WorkerContext, data: DataSet) -> FaissClient:
        import faiss

        path = self._path(context.prepared_folder)
        if not path.is_file():
            raise LoadError(f"the index {path} is not there", where="vector-search", hint="prepare it again")
        faiss.omp_set_num_threads(1)
        return FaissClient(faiss, faiss.read_index(str(path)), data, self.options)


class FaissClient:
    """A `BlockingClient`; users share the index, each searches in one thread."""

    def __init__(self, faiss: Any, index: Any, data: DataSet, options: VectorOptions) -> None:
        import numpy as np

        self._faiss = faiss
        self.index = index
        self._data = data
        self.k = options.k
        self._metric = options.metric
        self.parameters = parameters(faiss, options)
        self.queries = np.array(data.queries)
        if options.metric == "cosine":
            faiss.normalize_L2(self.queries)

    def kind(self, seq: int) -> str:
        return KIND

    def open_user(self, user: int) -> FaissUser:
        self._faiss.omp_set_num_threads(1)  # OpenMP keeps this per thread
        return FaissUser(self)

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        return columns(operations, self._data, self.k, self._metric, read_ids)

    def facts(self) -> Mapping[str, Any]:
        return {"index": type(self.index).__name__, "vectors": int(self.index.ntotal)}

    def close(self) -> None:
        """Nothing is held open."""


class FaissUser:
    def __init__(self, client: FaissClient) -> None:
        self._client = client

    def perform(self, operation: Operation) -> None:
        client = self._client
        number = query_of(operation.seq, len(client.queries))
        query = client.queries[number : number + 1]
        operation.detail = client.index.search(query, client.k, params=client.parameters)[1]
        operation.status = OK

    def close(self) -> None:
        """Nothing is held open."""


def make_index(faiss: Any, options: VectorOptions) -> Any:
    """Empty index of the asked kind. Cosine is the inner product of vectors scaled to length 1."""
    metric = faiss.METRIC_L2 if options.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    if options.index == "flat":
        return faiss.IndexFlat(options.dimension, metric)
    if options.index == "ivf":
        index = faiss.IndexIVFFlat(faiss.IndexFlat(options.dimension, metric), options.dimension, options.nlist, metric)
        index.cp.min_points_per_centroid = 1  # fewer than Faiss likes is the recipe's choice, not worth a warning
        return index
    index = faiss.IndexHNSWFlat(options.dimension, options.m, metric)
    index.hnsw.efConstruction = options.ef_construction
    return index


def parameters(faiss: Any, options: VectorOptions) -> Any:
    """Search parameters per call, so that threads do not share them."""
    given = search_parameters(options)
    if "ef" in given:
        return faiss.SearchParametersHNSW(efSearch=given["ef"])
    return faiss.SearchParametersIVF(nprobe=given["nprobe"]) if "nprobe" in given else None


def read_ids(operation: Operation) -> list[int]:
    """Faiss fills up with -1 when it finds fewer than k."""
    return [int(number) for number in operation.detail[0] if number >= 0]
