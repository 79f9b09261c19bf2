"""Vector search against the real targets: load, search serially and at the same time, recall, clean up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from aifbench.errors import LoadError
from aifbench.model.operation import OK, Operation
from aifbench.model.service import Target
from aifbench.workloads.vector.workload import VectorSearch
from tests.services.live import make as make_service
from tests.services.live import up
from tests.workloads.drive import drive_blocking, drive_wire, make, prepare_context, worker_context

pytestmark = pytest.mark.live

HARD: dict[str, Any] = {"vectors": 3000, "dimension": 32, "clusters": 3000, "queries": 60, "m": 8}
"""Nearly unclustered vectors and few links: recall then depends visibly on ef."""


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    folder = tmp_path_factory.mktemp("vector")
    with up("chroma", folder / "chroma") as first, up("milvus-lite", folder / "milvus") as second:
        faiss = make_service("faiss")
        yield {
            "chroma": Target("chroma", "chroma", first.endpoints),
            "milvus": Target("milvus", "milvus-lite", second.endpoints),
            "faiss": Target("faiss", "faiss", faiss.endpoints(first.where)),
        }


Prepared = Callable[..., tuple[Mapping[str, Any], Path]]


@pytest.fixture(scope="module")
def prepared(targets: dict[str, Target], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Each target loaded once with the hard data (Chroma once per ef)."""
    kept: dict[tuple[str, int], tuple[Mapping[str, Any], Path]] = {}

    def get(name: str, ef: int = 50) -> tuple[Mapping[str, Any], Path]:
        key = (name, ef if name == "chroma" else 0)  # as VectorSearch.prepared_also_by says
        if key not in kept:
            folder = tmp_path_factory.mktemp(f"prepared-{name}")
            context = prepare_context(targets[name], folder, f"{name}-{ef}")
            kept[key] = (make("vector-search", **HARD, ef=ef).prepare(context), folder)
        return kept[key]

    return get


def search(
    name: str, targets: dict[str, Target], prepared: Prepared, count: int = 60, slots: int = 1, ef: int = 50
) -> tuple[list[Operation], Mapping[str, Any]]:
    facts, folder = prepared(name, ef)
    workload = make("vector-search", **HARD, ef=ef)
    client: Any = workload.open_client(worker_context(targets[name], facts, folder))
    ended = drive_blocking(client, count, users=slots) if name == "faiss" else drive_wire(client, count, slots=slots)
    made = client.columns(ended)
    client.close()
    return ended, made


every = pytest.mark.parametrize("name", ["chroma", "milvus", "faiss"])


@every
def test_more_effort_finds_more_of_the_truth(name: str, targets: dict[str, Target], prepared: Prepared) -> None:
    """The recall of ef 10 lies below that of ef 400, which finds nearly everything: ef reaches the index."""
    low_ended, low = search(name, targets, prepared, ef=10)
    high_ended, high = search(name, targets, prepared, ef=400)
    assert {operation.status for operation in low_ended + high_ended} == {OK}
    assert set(high["returned"]) == {10}
    assert fmean(low["recall"]) < fmean(high["recall"]) - 0.05
    assert fmean(high["recall"]) > 0.97
    assert fmean(high["strict_recall"]) <= fmean(high["recall"])


@every
def test_searches_at_the_same_time_find_the_same(name: str, targets: dict[str, Target], prepared: Prepared) -> None:
    serial, alone = search(name, targets, prepared, ef=50)
    loaded, together = search(name, targets, prepared, slots=4, ef=50)
    by_seq = {operation.seq: value for operation, value in zip(loaded, together["recall"], strict=True)}
    assert [by_seq[operation.seq] for operation in serial] == alone["recall"]


@every
def test_preparation_reports_what_it_took(name: str, prepared: Prepared) -> None:
    facts, _ = prepared(name)
    metrics = facts["metrics"]
    assert metrics["insert_rate"] > 0
    assert metrics["time_to_searchable"] > 0
    assert metrics["ground_truth_time"] > 0
    absent = {metric for metric, value in metrics.items() if value is None}
    assert absent == set(facts["reasons"])


@every
def test_preparing_again_after_a_failure_gives_the_same_collection_once(
    name: str, targets: dict[str, Target], tmp_path: Path
) -> None:
    workload = make("vector-search", vectors=200, dimension=4, queries=5, insert_batch=50, insert_concurrency=2)
    context = prepare_context(targets[name], tmp_path, f"again-{name}")
    first = workload.prepare(context)
    second = workload.prepare(context)
    assert first["collection"] == second["collection"]
    client: Any = workload.open_client(worker_context(targets[name], second, tmp_path))
    ended = drive_blocking(client, 5) if name == "faiss" else drive_wire(client, 5)
    made = client.columns(ended)
    assert set(made["duplicates"]) == {0}
    assert fmean(made["recall"]) > 0.99
    client.close()
    workload.cleanup(context, second)


@pytest.mark.parametrize("metric", ["cosine", "ip"])
@every
def test_every_metric_means_the_same_everywhere(
    name: str, metric: str, targets: dict[str, Target], tmp_path: Path
) -> None:
    workload = make("vector-search", vectors=500, dimension=8, queries=20, metric=metric, ef=200, m=32)
    context = prepare_context(targets[name], tmp_path, f"{metric}-{name}")
    facts = workload.prepare(context)
    client: Any = workload.open_client(worker_context(targets[name], facts, tmp_path))
    ended = drive_blocking(client, 20) if name == "faiss" else drive_wire(client, 20)
    assert fmean(client.columns(ended)["recall"]) > 0.97
    client.close()
    workload.cleanup(context, facts)


@pytest.mark.parametrize("name", ["milvus", "faiss"])
def test_flat_finds_everything_and_ivf_more_with_more_lists(
    name: str, targets: dict[str, Target], tmp_path: Path
) -> None:
    found = {}
    cases: dict[str, dict[str, Any]] = {
        "flat": {"index": "flat"},
        "one": {"index": "ivf", "nlist": 50, "nprobe": 1},
        "all": {"index": "ivf", "nlist": 50, "nprobe": 50},
    }
    for label, options in cases.items():
        workload = make("vector-search", vectors=2000, dimension=16, clusters=2000, queries=30, **options)
        folder = tmp_path / label
        context = prepare_context(targets[name], folder, f"{label}-{name}")
        facts = workload.prepare(context)
        client: Any = workload.open_client(worker_context(targets[name], facts, folder))
        ended = drive_blocking(client, 30) if name == "faiss" else drive_wire(client, 30)
        found[label] = fmean(client.columns(ended)["recall"])
        client.close()
        workload.cleanup(context, facts)
    assert found["flat"] == 1
    assert found["all"] == 1
    assert found["one"] < 0.9


def test_cleanup_drops_only_this_preparation(targets: dict[str, Target], prepared: Prepared, tmp_path: Path) -> None:
    for name in ("chroma", "milvus"):
        prepared(name)
        workload = make("vector-search", vectors=100, dimension=4, queries=5)
        context = prepare_context(targets[name], tmp_path / name, "mine")
        facts = workload.prepare(context)
        workload.cleanup(context, facts)
        workload.cleanup(context, facts)  # nothing left to drop is no mistake
        ended, _ = search(name, targets, prepared, count=3)
        assert [operation.status for operation in ended] == [OK] * 3


def test_a_target_that_is_gone_is_an_error_in_one_sentence(targets: dict[str, Target], tmp_path: Path) -> None:
    workload = make("vector-search", vectors=100, dimension=4, queries=5)
    for name in ("chroma", "milvus"):
        endpoint = replace(targets[name].endpoints[0], url="http://127.0.0.1:9", port=9)
        gone = replace(targets[name], endpoints=(endpoint,))
        with pytest.raises(LoadError, match=r"127\.0\.0\.1:9"):
            workload.prepare(prepare_context(gone, tmp_path))


def test_a_dropped_collection_shows_as_errors_not_as_bad_recall(targets: dict[str, Target], tmp_path: Path) -> None:
    for name in ("chroma", "milvus"):
        workload = make("vector-search", vectors=100, dimension=4, queries=5)
        assert isinstance(workload, VectorSearch)
        context = prepare_context(targets[name], tmp_path / name, "dropped")
        facts = workload.prepare(context)
        client: Any = workload.open_client(worker_context(targets[name], facts, tmp_path / name))
        workload.cleanup(context, facts)
        ended = drive_wire(client, 3)
        made = client.columns(ended)
        assert made["recall"] == [None] * 3
        assert all(operation.status == "error" and operation.error for operation in ended)
        client.close()
