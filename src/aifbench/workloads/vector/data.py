"""Seeded clustered vectors, queries, and the exact answers, kept as files in the preparation's folder."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aifbench.workloads.vector.options import VectorOptions
from aifbench.workloads.vector.recall import Doubles, Ids, distances

Floats = NDArray[np.float32]

GENERATOR = 1
"""Changes whenever equal options would give other vectors."""

_ROWS = 8192
_EXTRA = 32


@dataclass(frozen=True)
class DataSet:
    """Vector i has id i. `truth` and `truth_distance` have k columns, nearest first."""

    vectors: Floats
    queries: Floats
    truth: Ids
    truth_distance: Doubles


def content_key(options: VectorOptions, seed: int) -> str:
    """Names the files: equal keys mean equal content."""
    parts: list[Any] = [GENERATOR, seed, options.vectors, options.dimension, options.clusters, options.spread]
    parts += [options.queries, options.metric, options.k]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def draw(count: int, centres: Floats, spread: float, seed: int, stream: int, out: Floats) -> None:
    """Fill `out` with points around uniformly chosen centres, block by block."""
    random = np.random.default_rng([seed, stream])
    dimension = centres.shape[1]
    for start in range(0, count, _ROWS):
        rows = min(_ROWS, count - start)
        chosen = centres[random.integers(0, len(centres), rows)]
        out[start : start + rows] = chosen + spread * random.standard_normal((rows, dimension), dtype=np.float32)


def centres(options: VectorOptions, seed: int) -> Floats:
    random = np.random.default_rng([seed, 0])
    return random.standard_normal((options.clusters, options.dimension), dtype=np.float32)


def exact(vectors: NDArray[Any], queries: NDArray[Any], k: int, metric: str) -> tuple[Ids, Doubles]:
    """Ids and distances of the k nearest of each query, nearest first, equal distances by id.

    Matrix products in single precision choose somewhat more than k candidates; double precision orders them.
    """
    count = len(vectors)
    keep = min(count, 2 * k + _EXTRA)
    ids = np.empty((len(queries), k), dtype=np.int64)
    nearest = np.empty((len(queries), k), dtype=np.float64)
    block = 256
    for start in range(0, len(queries), block):
        asked = queries[start : start + block]
        best_score = np.full((len(asked), 0), np.inf, dtype=np.float32)
        best_id = np.empty((len(asked), 0), dtype=np.int64)
        for first in range(0, count, _ROWS):
            part = vectors[first : first + _ROWS]
            score = _scores(part, asked, metric)
            numbers = np.broadcast_to(np.arange(first, first + len(part)), score.shape)
            all_score = np.concatenate([best_score, score], axis=1)
            all_id = np.concatenate([best_id, numbers], axis=1)
            if all_score.shape[1] > keep:
                chosen = np.argpartition(all_score, keep - 1, axis=1)[:, :keep]
                all_score = np.take_along_axis(all_score, chosen, axis=1)
                all_id = np.take_along_axis(all_id, chosen, axis=1)
            best_score, best_id = all_score, all_id
        precise = distances(vectors[best_id], asked, metric)
        order = np.lexsort((best_id, precise), axis=1)[:, :k]
        ids[start : start + block] = np.take_along_axis(best_id, order, axis=1)
        nearest[start : start + block] = np.take_along_axis(precise, order, axis=1)
    return ids, nearest


def _scores(part: NDArray[Any], asked: NDArray[Any], metric: str) -> Floats:
    """Single-precision values that order like the distance; |query|² is left out of `l2` because it orders nothing."""
    products = asked @ part.T
    if metric == "l2":
        return np.asarray((part * part).sum(axis=1)[None, :] - 2 * products)
    if metric == "cosine":
        return np.asarray(-products / np.linalg.norm(part, axis=1)[None, :])
    return np.asarray(-products)


def make(folder: Path, options: VectorOptions, seed: int) -> DataSet:
    """The data set in `folder`, made now where its files are not there yet. Disk: 4 bytes per number."""
    key = content_key(options, seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, count, stream in (("vectors", options.vectors, 1), ("queries", options.queries, 2)):
        path = folder / f"{name}-{key}.npy"
        if not path.exists():
            unfinished = path.with_name(f".{os.getpid()}.{path.name}")
            out = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=(count, options.dimension))
            draw(count, centres(options, seed), options.spread, seed, stream, out)
            out.flush()
            unfinished.replace(path)
    truth = folder / f"truth-{key}.npz"
    if not truth.exists():
        vectors, queries = (np.load(folder / f"{name}-{key}.npy", mmap_mode="r") for name in ("vectors", "queries"))
        ids, nearest = exact(vectors, queries, options.k, options.metric)
        unfinished = truth.with_name(f".{os.getpid()}.{truth.name}")
        np.savez(unfinished, ids=ids, distance=nearest)
        unfinished.replace(truth)
    return load(folder, key)


def load(folder: Path, key: str) -> DataSet:
    """What `make` wrote. Vectors are mapped, not read. Raises OSError."""
    with np.load(folder / f"truth-{key}.npz") as truth:
        ids, nearest = truth["ids"], truth["distance"]
    vectors = np.load(folder / f"vectors-{key}.npy", mmap_mode="r")
    return DataSet(vectors, np.load(folder / f"queries-{key}.npy"), ids, nearest)
