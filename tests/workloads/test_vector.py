"""Vector search without a server: data, truth, recall, messages and options."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from aifbench.errors import LoadError
from aifbench.model.operation import ERROR, OK, Operation
from aifbench.model.service import Endpoint, Target
from aifbench.workloads.vector import chroma, data, driver, milvus, recall
from aifbench.workloads.vector.columns import columns
from aifbench.workloads.vector.options import VectorOptions, search_parameters, single
from aifbench.workloads.vector.workload import VectorSearch, collection_name
from tests.workloads.drive import prepare_context

METRICS = ("l2", "cosine", "ip")


def options(**given: Any) -> VectorOptions:
    small = {"vectors": 300, "dimension": 8, "clusters": 5, "queries": 20, "k": 5, "ef": 10}
    return VectorOptions.model_validate({**small, **given})


def plain_distance(a: Any, b: Any, metric: str) -> float:
    """The definitions, written out."""
    pairs = [(float(x), float(y)) for x, y in zip(a, b, strict=True)]
    product = math.fsum(x * y for x, y in pairs)
    if metric == "l2":
        return math.sqrt(math.fsum((x - y) ** 2 for x, y in pairs))
    if metric == "ip":
        return -product
    return 1 - product / math.sqrt(math.fsum(x * x for x, _ in pairs) * math.fsum(y * y for _, y in pairs))


def judge(ids: list[list[int]], vectors: Any, queries: Any, k: int, metric: str = "l2") -> recall.Judged:
    truth, nearest = data.exact(vectors, queries, k, metric)
    asked = np.arange(len(ids))
    return recall.judge(np.array(ids), asked, vectors, queries, truth, nearest, metric)


LINE = np.arange(10, dtype=np.float32)[:, None]
"""Ten vectors on a line, vector i at i."""


@pytest.mark.parametrize("metric", METRICS)
def test_truth_is_what_sorting_all_distances_gives(metric: str, tmp_path: Path) -> None:
    found = data.make(tmp_path, options(metric=metric), 3)
    for number in (0, 7, 19):
        query = found.queries[number]
        by_hand = sorted((plain_distance(vector, query, metric), i) for i, vector in enumerate(found.vectors))[:5]
        assert [i for _, i in by_hand] == found.truth[number].tolist()
        assert np.allclose([d for d, _ in by_hand], found.truth_distance[number], rtol=1e-12)


def test_truth_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((500, 6), dtype=np.float32)
    queries = random.standard_normal((30, 6), dtype=np.float32)
    whole = data.exact(vectors, queries, 7, "l2")
    monkeypatch.setattr(data, "_ROWS", 37)
    parts = data.exact(vectors, queries, 7, "l2")
    assert np.array_equal(whole[0], parts[0])


def test_equal_seeds_give_equal_vectors_and_other_seeds_others(tmp_path: Path) -> None:
    one, same, other = (data.make(tmp_path / str(n), options(), seed) for n, seed in enumerate((1, 1, 2)))
    assert np.array_equal(one.vectors, same.vectors)
    assert np.array_equal(one.queries, same.queries)
    assert not np.array_equal(one.vectors, other.vectors)


def test_queries_are_not_among_the_vectors(tmp_path: Path) -> None:
    found = data.make(tmp_path, options(), 1)
    assert found.truth_distance.min() > 0


def test_vectors_lie_around_their_centres_as_declared() -> None:
    """The residuals of a single cluster have the declared standard deviation (n = 64,000: within 2 %)."""
    one = options(vectors=8000, clusters=1, spread=0.25)
    out = np.empty((8000, 8), dtype=np.float32)
    centre = data.centres(one, 1)
    data.draw(8000, centre, one.spread, 1, 1, out)
    assert abs(float((out - centre).std()) - 0.25) < 0.005


def test_truth_is_kept_by_content_and_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.make(tmp_path, options(), 1)
    monkeypatch.setattr(data, "exact", lambda *_: pytest.fail("computed again"))
    data.make(tmp_path, options(ef=20), 1)
    with pytest.raises(pytest.fail.Exception):
        data.make(tmp_path, options(metric="ip"), 1)


def test_recall_is_the_share_of_the_true_neighbours() -> None:
    judged = judge([[0, 1, 2], [0, 9, 8], [9, 8, 7]], LINE, np.zeros((3, 1), np.float32), 3)
    assert judged.recall.tolist() == pytest.approx([1, 1 / 3, 0])


def test_recall_counts_equally_near_vectors_as_equal_and_strict_recall_does_not() -> None:
    """From 5, vectors 4 and 6 are equally near; the truth holds 4 because its id is smaller."""
    judged = judge([[5, 6]], LINE, np.array([[5.0]], np.float32), 2)
    assert (judged.recall[0], judged.strict_recall[0]) == (1.0, 0.5)


def test_recall_counts_a_repeated_id_once() -> None:
    judged = judge([[0, 0, 0]], LINE, np.zeros((1, 1), np.float32), 3)
    assert judged.recall[0] == pytest.approx(1 / 3)
    assert judged.duplicates[0] == 2


def test_recall_of_a_short_answer_is_still_divided_by_k() -> None:
    judged = judge([[0, 1, recall.NONE, recall.NONE]], LINE, np.zeros((1, 1), np.float32), 4)
    assert (judged.recall[0], judged.returned[0], judged.duplicates[0]) == (0.5, 2, 0)


def test_recall_takes_an_id_that_was_never_inserted_as_wrong() -> None:
    judged = judge([[0, 10_000]], LINE, np.zeros((1, 1), np.float32), 2)
    assert judged.recall[0] == 0.5


@pytest.mark.parametrize("metric", METRICS)
def test_recall_of_the_truth_is_one_for_every_metric(metric: str, tmp_path: Path) -> None:
    """By inner product distances are negative: the tolerance must still widen the limit."""
    found = data.make(tmp_path, options(metric=metric), 5)
    judged = recall.judge(
        found.truth, np.arange(20), found.vectors, found.queries, found.truth, found.truth_distance, metric
    )
    assert judged.recall.tolist() == [1.0] * 20


def ended(seq: int, detail: Any, status: str = OK) -> Operation:
    operation = Operation(seq, "search", 0)
    operation.status, operation.detail = status, detail
    return operation


def test_columns_leave_failed_operations_empty_and_turn_unreadable_answers_into_errors(tmp_path: Path) -> None:
    found = data.make(tmp_path, options(), 1)

    def read(operation: Operation) -> list[int]:
        if operation.detail is None:
            raise ValueError("garbage")
        return list(operation.detail)

    operations = [ended(0, found.truth[0]), ended(1, [], ERROR), ended(2, None), ended(23, found.truth[3][:2])]
    made = columns(operations, found, 5, "l2", read)
    assert made["recall"] == [1.0, None, None, 0.4]
    assert made["returned"] == [5, None, None, 2]
    assert made["query"] == [0, 1, 2, 3]
    assert (operations[2].status, operations[2].error) == (ERROR, "bad-answer")


def test_columns_of_no_operation_are_empty(tmp_path: Path) -> None:
    found = data.make(tmp_path, options(), 1)
    assert columns([], found, 5, "l2", lambda _: [])["recall"] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"k": 400}, "k must not exceed vectors"),
        ({"ef": [50, 3]}, "ef must not be below k"),
        ({"index": "ivf", "nlist": 301}, "nlist must not exceed vectors"),
        ({"metric": "hamming"}, "'l2', 'cosine' or 'ip'"),
        ({"spread": 0}, "greater than 0"),
        ({"dimension": 0}, "greater than or equal to 1"),
    ],
)
def test_contradicting_options_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        options(**given)


def test_search_parameters_are_those_of_the_index_kind() -> None:
    assert search_parameters(options(ef=[30])) == {"ef": 30}
    assert search_parameters(options(index="ivf", nlist=10, nprobe=3)) == {"nprobe": 3}
    assert search_parameters(options(index="flat")) == {}
    assert single([4, 5]) == 4


def test_search_settings_do_not_change_the_prepared_data() -> None:
    """Points that differ in ef or nprobe share one preparation."""
    named = set(VectorSearch.prepared_by)
    assert named == set(VectorOptions.model_fields) - {"ef", "nprobe"}


def test_a_row_that_an_approximate_index_never_finds_does_not_hold_up_the_preparation() -> None:
    """Ids 9 and 8 are not reachable; the row before them is."""
    assert driver.wait_searchable(LINE, lambda row: [i for i in (int(row[0]),) if i < 8], "c") == 7


def test_rows_that_are_never_found_end_in_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "SEARCHABLE_LIMIT_S", 0.01)
    with pytest.raises(LoadError, match="larger ef"):
        driver.wait_searchable(LINE, lambda _: [], "c")


def test_collection_names_fit_every_database_and_differ_by_run_and_preparation() -> None:
    name = collection_name("20261121-141500-quick start-3f2a", "search.chroma" * 20)
    assert name.replace("_", "").isalnum()
    assert len(name) <= 120
    assert collection_name("a", "b-c") != collection_name("a", "b_c")


def test_chroma_query_body_asks_for_distances_and_carries_the_vector() -> None:
    body = json.loads(chroma.query_body(np.array([0.5, -2], np.float32), 3))
    assert body == {"query_embeddings": [[0.5, -2.0]], "n_results": 3, "include": ["distances"]}


def test_milvus_messages_are_what_pymilvus_reads() -> None:
    from pymilvus.grpc_gen import common_pb2, milvus_pb2

    request = milvus_pb2.SearchRequest.FromString(
        milvus.search_message("c", np.array([1, 2], np.float32), options(ef=17))
    )
    given = {pair.key: pair.value for pair in request.search_params}
    assert (request.nq, given["topk"], given["params"]) == (1, "5", '{"ef": 17}')
    group = common_pb2.PlaceholderGroup.FromString(request.placeholder_group)
    assert np.frombuffer(group.placeholders[0].values[0], "<f4").tolist() == [1, 2]
    insert = milvus_pb2.InsertRequest.FromString(milvus.insert_message("c", 40, np.ones((2, 3), np.float32)))
    assert insert.fields_data[0].scalars.long_data.data == [40, 41]
    assert (insert.num_rows, insert.fields_data[1].vectors.dim) == (2, 3)


def test_milvus_error_inside_an_answer_is_not_taken_for_results() -> None:
    from pymilvus.grpc_gen import milvus_pb2

    answer = milvus_pb2.SearchResults()
    answer.status.code, answer.status.reason = 100, "collection not found"
    with pytest.raises(ValueError, match="collection not found"):
        milvus.parse_ids(answer.SerializeToString())
    with pytest.raises(ValueError, match="not a SearchResults"):
        milvus.parse_ids(b"<html>")


def test_an_index_kind_that_the_target_lacks_is_refused_with_the_right_one(tmp_path: Path) -> None:
    target = Target("db", "chroma", (Endpoint("chroma", "http://127.0.0.1:9"),))
    with pytest.raises(LoadError, match="has hnsw"):
        VectorSearch(options(index="flat")).prepare(prepare_context(target, tmp_path))


def test_a_target_that_speaks_something_else_is_refused(tmp_path: Path) -> None:
    target = Target("db", "postgres", (Endpoint("postgres", "postgresql://h"),))
    with pytest.raises(LoadError, match="needed: chroma or milvus or faiss"):
        VectorSearch(options()).prepare(prepare_context(target, tmp_path))


def test_importing_the_workload_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    heavy = ("numpy", "faiss", "pymilvus", "grpc")
    code = f"import sys, aifbench.workloads.vector\nprint([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
