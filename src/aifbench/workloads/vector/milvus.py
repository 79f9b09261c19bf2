"""Milvus (and Milvus Lite) over gRPC: searches are messages made and serialised before the load begins.

pymilvus brings the message types; its client is used only to create, index and drop collections.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.load.transport.grpc import GrpcClient
from aifbench.load.transport.grpc_channel import Calls, Metadata, library
from aifbench.load.transport.secret import from_attributes
from aifbench.model.operation import Operation
from aifbench.model.service import Endpoint
from aifbench.workloads.base import Done, Slot, WorkerContext
from aifbench.workloads.vector.columns import KIND, columns, query_of
from aifbench.workloads.vector.driver import Driver, Loaded, insert_all, seconds_since, wait_searchable
from aifbench.workloads.vector.options import VectorOptions, search_parameters

if TYPE_CHECKING:
    from aifbench.workloads.vector.data import DataSet, Floats

SERVICE = "/milvus.proto.milvus.MilvusService"
METRICS = {"l2": "L2", "cosine": "COSINE", "ip": "IP"}
_TIMEOUT_S = 600.0


def index_parameters(options: VectorOptions) -> tuple[str, dict[str, int]]:
    """Milvus's name of the index kind and its parameters."""
    if options.index == "hnsw":
        return "HNSW", {"M": options.m, "efConstruction": options.ef_construction}
    return ("IVF_FLAT", {"nlist": options.nlist}) if options.index == "ivf" else ("FLAT", {})


class MilvusDriver(Driver):
    kinds = ("hnsw", "ivf", "flat")

    def load(self, data: DataSet, folder: str, say: Callable[[str], None]) -> Loaded:
        from pymilvus import DataType

        options = self.options
        kind, given = index_parameters(options)
        with self._administrator() as client:
            if client.has_collection(self.collection):
                client.drop_collection(self.collection)
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=options.dimension)
            client.create_collection(self.collection, schema=schema)
            endpoint = self.target.endpoint("milvus")
            calls = Calls(endpoint, _TIMEOUT_S, authorization(endpoint))
            before = monotonic_ns()
            insert_s = insert_all(data.vectors, options, partial(insert, calls, self.collection), say)
            ordered = monotonic_ns()
            say("building the index")
            client.flush(self.collection)
            wanted = client.prepare_index_params()
            wanted.add_index("vector", index_type=kind, metric_type=METRICS[options.metric], params=given)
            client.create_index(self.collection, wanted)
            index_build_s = seconds_since(ordered)
            client.load_collection(self.collection)

            def search(row: Floats) -> list[int]:
                return parse_ids(calls.call(f"{SERVICE}/Search", search_message(self.collection, row, options)))

            wait_searchable(data.vectors, search, self.collection)
            searchable_s = seconds_since(before)
            calls.close()
        return Loaded(
            insert_s=insert_s,
            index_build_s=index_build_s,
            searchable_s=searchable_s,
            index={"kind": kind, **given},
            reasons={"index_bytes_per_vector": "Milvus does not tell"},
        )

    def drop(self) -> None:
        with self._administrator() as client:
            if client.has_collection(self.collection):
                client.drop_collection(self.collection)

    @contextmanager
    def _administrator(self) -> Iterator[Any]:
        """A connected MilvusClient; its failures become LoadError."""
        from pymilvus import MilvusClient, MilvusException

        grpc = library()
        endpoint = self.target.endpoint("milvus")
        token = from_attributes(endpoint.attributes, "token") or ""
        client = None
        try:
            client = MilvusClient(uri=endpoint.url, token=token, timeout=30)
            yield client
        except MilvusException as error:
            raise LoadError(f"{endpoint.url}: {error.message}", where="vector-search") from error
        except (grpc.RpcError, ValueError) as error:
            raise LoadError(f"{endpoint.url}: {error}", where="vector-search") from error
        finally:
            if client is not None:
                client.close()

    def open_client(self, context: WorkerContext, data: DataSet) -> MilvusSearchClient:
        endpoint = self.target.endpoint("milvus")
        return MilvusSearchClient(endpoint, self.collection, data, self.options, context.timeout_s)


class MilvusSearchClient:
    """A `WireClient`; every request is bytes before the load begins, each user has a connection of its own."""

    def __init__(
        self, endpoint: Endpoint, collection: str, data: DataSet, options: VectorOptions, timeout_s: float
    ) -> None:
        self._data = data
        self._options = options
        self._messages = [search_message(collection, query, options) for query in data.queries]
        self._grpc = GrpcClient(
            endpoint, f"{SERVICE}/Search", self._message, timeout_s=timeout_s, metadata=authorization(endpoint)
        )

    def _message(self, operation: Operation) -> bytes:
        return self._messages[query_of(operation.seq, len(self._messages))]

    def kind(self, seq: int) -> str:
        return KIND

    def make_loop(self) -> Any:
        return self._grpc.make_loop()

    def open_slot(self, loop: Any, done: Done) -> Slot:
        return self._grpc.open_slot(loop, done)

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        return columns(operations, self._data, self._options.k, self._options.metric, read_ids)

    def facts(self) -> Mapping[str, Any]:
        return self._grpc.facts()

    def close(self) -> None:
        self._grpc.close()


def authorization(endpoint: Endpoint) -> Metadata:
    """Milvus takes its token (`user:password` or an API key) in base64."""
    token = from_attributes(endpoint.attributes, "token")
    return (("authorization", base64.b64encode(token.encode()).decode()),) if token else ()


def insert(calls: Calls, collection: str, first: int, rows: Floats) -> None:
    """Raises LoadError."""
    from pymilvus.grpc_gen import milvus_pb2

    answer = calls.call(f"{SERVICE}/Insert", insert_message(collection, first, rows))
    result = milvus_pb2.MutationResult.FromString(answer)
    if result.status.code or result.status.error_code or result.insert_cnt != len(rows):
        raise LoadError(
            f"Insert took {result.insert_cnt} of {len(rows)} vectors: {result.status.reason}", where="vector-search"
        )


def insert_message(collection: str, first: int, rows: Floats) -> bytes:
    from pymilvus.grpc_gen import milvus_pb2, schema_pb2

    count, dimension = rows.shape
    ids = schema_pb2.FieldData(type=schema_pb2.DataType.Int64, field_name="id")
    ids.scalars.long_data.data.extend(range(first, first + count))
    vectors = schema_pb2.FieldData(type=schema_pb2.DataType.FloatVector, field_name="vector")
    vectors.vectors.dim = dimension
    vectors.vectors.float_vector.data.extend(rows.ravel().tolist())
    request = milvus_pb2.InsertRequest(collection_name=collection, fields_data=[ids, vectors], num_rows=count)
    return bytes(request.SerializeToString())


def search_message(collection: str, query: Any, options: VectorOptions) -> bytes:
    """A SearchRequest for the k nearest of one vector; ids and scores come back, no fields."""
    from pymilvus.grpc_gen import common_pb2, milvus_pb2

    vector = common_pb2.PlaceholderValue(
        tag="$0", type=common_pb2.PlaceholderType.FloatVector, values=[query.astype("<f4").tobytes()]
    )
    settings = {
        "anns_field": "vector",
        "topk": str(options.k),
        "metric_type": METRICS[options.metric],
        "params": json.dumps(search_parameters(options)),
        "round_decimal": "-1",
    }
    request = milvus_pb2.SearchRequest(
        collection_name=collection,
        dsl_type=common_pb2.DslType.BoolExprV1,
        placeholder_group=common_pb2.PlaceholderGroup(placeholders=[vector]).SerializeToString(),
        search_params=[common_pb2.KeyValuePair(key=key, value=value) for key, value in settings.items()],
        nq=1,
        use_default_consistency=True,
    )
    return bytes(request.SerializeToString())


def parse_ids(message: bytes) -> list[int]:
    """The ids of a serialised SearchResults. Raises ValueError with the server's reason when it is an error."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from pymilvus.grpc_gen import milvus_pb2

    try:
        answer = milvus_pb2.SearchResults.FromString(message)
    except DecodeError as error:
        raise ValueError("not a SearchResults message") from error
    if answer.status.code or answer.status.error_code:
        raise ValueError(f"code {answer.status.code or answer.status.error_code}: {answer.status.reason}")
    return list(answer.results.ids.int_id.data)


def read_ids(operation: Operation) -> list[int]:
    return parse_ids(operation.detail.messages[0])
