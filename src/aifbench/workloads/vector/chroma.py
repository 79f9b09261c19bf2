"""Chroma over its REST API v2, spoken with the engine's own HTTP client."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.load.transport.address import parse
from aifbench.load.transport.http import HttpClient, encode_request, fetch
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.refusal import explain
from aifbench.load.transport.secret import from_attributes
from aifbench.load.transport.trust import trust_of
from aifbench.model.operation import Operation
from aifbench.model.service import Endpoint
from aifbench.workloads.base import Done, Slot, WorkerContext
from aifbench.workloads.vector.columns import KIND, columns, query_of
from aifbench.workloads.vector.driver import Driver, Loaded, insert_all, seconds_since, wait_searchable
from aifbench.workloads.vector.options import search_parameters

if TYPE_CHECKING:
    from aifbench.workloads.vector.data import DataSet, Floats

_TIMEOUT_S = 600.0


class Rest:
    """Calls outside any measurement; raises LoadError with the server's own words."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.url = endpoint.url
        self.trust = trust_of(endpoint.attributes)
        attributes = endpoint.attributes
        tenant = attributes.get("tenant", "default_tenant")
        database = attributes.get("database", "default_database")
        self.collections = f"/api/v2/tenants/{tenant}/databases/{database}/collections"
        token = from_attributes(attributes, "token")
        self.headers: dict[str, str] = {} if token is None else {"x-chroma-token": token}

    def call(self, method: str, path: str, body: Any = None, *, absent_is_none: bool = False) -> Any:
        encoded = None if body is None else json.dumps(body).encode()
        try:
            answer = fetch(self.url, method, path, encoded, self.headers, timeout_s=_TIMEOUT_S, trust=self.trust)
        except OSError as error:
            words, hint = explain(error)
            raise LoadError(f"{method} {self.url}{path} failed: {words}", where="vector-search", hint=hint) from error
        if answer.status == 404 and absent_is_none:
            return None
        text = answer.body().decode("utf-8", "replace")
        if not 200 <= answer.status < 300:
            raise LoadError(
                f"{method} {self.url}{path} answered {answer.status}, expected 200",
                where="vector-search",
                quoted=[text[:500]],
            )
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            message = f"{method} {self.url}{path} answered with something that is not JSON"
            raise self._not_chroma(message, text) from error

    def collection(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        """The answer of a call that gives a collection; raises LoadError for one without an id."""
        found = self.call(method, path, body)
        if not isinstance(found, Mapping) or "id" not in found:
            raise self._not_chroma(f"{method} {self.url}{path} gave no collection", json.dumps(found))
        return found

    def _not_chroma(self, message: str, text: str) -> LoadError:
        hint = f"check that {self.url} is a Chroma server (API v2)"
        return LoadError(message, where="vector-search", quoted=[text[:200]], hint=hint)


class ChromaDriver(Driver):
    """Chroma reads `ef` when it makes a collection and ignores later changes (seen with 1.5): one for each value."""

    kinds = ("hnsw",)

    @property
    def rest(self) -> Rest:
        return Rest(self.target.endpoint("chroma"))

    def load(self, data: DataSet, folder: str, say: Callable[[str], None]) -> Loaded:
        rest = self.rest
        self.drop()
        options = self.options
        index = {
            "space": options.metric,
            "ef_construction": options.ef_construction,
            "max_neighbors": options.m,
            "ef_search": search_parameters(options)["ef"],
        }
        made = rest.collection("POST", rest.collections, {"name": self.collection, "configuration": {"hnsw": index}})
        path = f"{rest.collections}/{made['id']}"
        checks = rest.call("GET", "/api/v2/pre-flight-checks")
        batch = min(options.insert_batch, int(checks.get("max_batch_size", options.insert_batch)))
        packed = bool(checks.get("supports_base64_encoding", False))
        settings = options.model_copy(update={"insert_batch": batch})

        def insert(first: int, rows: Floats) -> None:
            ids = [str(number) for number in range(first, first + len(rows))]
            rest.call("POST", f"{path}/add", {"ids": ids, "embeddings": encode_rows(rows, packed=packed)})

        before = monotonic_ns()
        insert_s = insert_all(data.vectors, settings, insert, say)

        def search(row: Floats) -> list[int]:
            answer = rest.call("POST", f"{path}/query", json.loads(query_body(row, options.k)))
            return [int(word) for word in answer["ids"][0]]

        wait_searchable(data.vectors, search, self.collection)
        searchable_s = seconds_since(before)
        stored = rest.collection("GET", f"{rest.collections}/{self.collection}")
        return Loaded(
            insert_s=insert_s,
            searchable_s=searchable_s,
            index={**(stored["configuration_json"].get("hnsw") or {}), "insert_batch": batch},
            reasons={
                "index_build_time": "Chroma builds its index while inserting and at the first search",
                "index_bytes_per_vector": "Chroma does not tell",
            },
        )

    def drop(self) -> None:
        rest = self.rest
        rest.call("DELETE", f"{rest.collections}/{self.collection}", absent_is_none=True)

    def open_client(self, context: WorkerContext, data: DataSet) -> ChromaClient:
        rest = self.rest
        stored = rest.collection("GET", f"{rest.collections}/{self.collection}")
        path = f"{rest.collections}/{stored['id']}"
        return ChromaClient(rest, f"{path}/query", data, self.options.k, self.options.metric, context.timeout_s)


class ChromaClient:
    """A `WireClient`: every request is bytes before the load begins."""

    def __init__(self, rest: Rest, path: str, data: DataSet, k: int, metric: str, timeout_s: float) -> None:
        self._data = data
        self._k = k
        self._metric = metric
        address = parse(rest.url)
        self._requests = [
            encode_request("POST", path, address, query_body(query, k), rest.headers) for query in data.queries
        ]
        self._http = HttpClient(rest.url, self._request, trust=rest.trust, connect_timeout_s=min(timeout_s, 10.0))

    def _request(self, operation: Operation) -> bytes:
        return self._requests[query_of(operation.seq, len(self._requests))]

    def kind(self, seq: int) -> str:
        return KIND

    def open_slot(self, loop: Any, done: Done) -> Slot:
        return self._http.open_slot(loop, done)

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        return columns(operations, self._data, self._k, self._metric, read_ids)

    def facts(self) -> Mapping[str, Any]:
        return self._http.facts()

    def close(self) -> None:
        self._http.close()


def encode_rows(rows: Floats, *, packed: bool) -> list[Any]:
    """Vectors as Chroma's own client sends them: base64 of little-endian floats where the server takes that."""
    if not packed:
        return [row.tolist() for row in rows]
    return [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in rows]


def query_body(query: Any, k: int) -> bytes:
    """Distances are asked for as well, because the other targets always return them."""
    body = {"query_embeddings": [query.tolist()], "n_results": k, "include": ["distances"]}
    return json.dumps(body, separators=(",", ":")).encode()


def read_ids(operation: Operation) -> list[int]:
    answer = operation.detail
    if not isinstance(answer, HttpAnswer):
        raise ValueError("no answer")
    body = answer.body()
    try:
        return [int(word) for word in json.loads(body)["ids"][0]]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"expected ids as JSON, got {body[:200]!r}") from error
