"""Distances recomputed in double precision, and recall of returned ids against exact answers.

Method: MEASUREMENT.md, section Vector search; tie-awareness after ann-benchmarks (Aumüller, Bernhardsson, Faithfull:
ANN-Benchmarks, Information Systems 87, 2020), whose recall counts by distance so that equally near vectors are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ids = NDArray[np.int64]

NONE = -1
"""Fills the row of an answer that has fewer than k ids."""

RELATIVE = ABSOLUTE = 1e-6
_BLOCK_BYTES = 64 << 20


def distances(found: NDArray[Any], queries: NDArray[Any], metric: str) -> Doubles:
    """Distance of each of (n, k, d) vectors to its row's query (n, d): shape (n, k), smaller is nearer.

    `l2`: Euclidean. `cosine`: 1 − cosine. `ip`: minus the inner product.
    """
    vectors = found.astype(np.float64)
    asked = queries.astype(np.float64)[:, None, :]
    if metric == "l2":
        return np.asarray(np.sqrt(((vectors - asked) ** 2).sum(axis=2)))
    products = (vectors * asked).sum(axis=2)
    if metric == "ip":
        return np.asarray(-products)
    lengths = np.linalg.norm(vectors, axis=2) * np.linalg.norm(asked, axis=2)
    return np.asarray(1.0 - products / lengths)


def limit(kth_distance: Doubles) -> Doubles:
    """The largest distance that still counts. |d_k| because a distance by inner product may be negative."""
    return np.asarray(kth_distance + np.abs(kth_distance) * RELATIVE + ABSOLUTE)


@dataclass(frozen=True)
class Judged:
    """One value per answer."""

    recall: Doubles
    strict_recall: Doubles
    returned: Ids
    duplicates: Ids


def repeats(ids: Ids) -> NDArray[np.bool_]:
    """True where an id stood further left in its row already."""
    order = np.argsort(ids, axis=1, kind="stable")
    ordered = np.take_along_axis(ids, order, axis=1)
    again = np.zeros(ids.shape, dtype=bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    found = np.zeros(ids.shape, dtype=bool)
    np.put_along_axis(found, order, again, axis=1)
    return np.asarray(found & (ids != NONE))


def judge(
    ids: Ids, asked: Ids, vectors: NDArray[Any], queries: NDArray[Any], truth: Ids, truth_distance: Doubles, metric: str
) -> Judged:
    """Recall of answers `ids` (n, k), padded with NONE, to the queries numbered `asked` (n).

    An id that was never inserted counts as returned and as wrong.
    """
    count, k = ids.shape
    known = (ids >= 0) & (ids < len(vectors))
    again = repeats(ids)
    near = np.zeros(ids.shape, dtype=bool)
    block = max(1, _BLOCK_BYTES // (k * vectors.shape[1] * 8))
    for start in range(0, count, block):
        rows = slice(start, start + block)
        gathered = vectors[np.where(known[rows], ids[rows], 0)]
        measured = distances(gathered, queries[asked[rows]], metric)
        near[rows] = measured <= limit(truth_distance[asked[rows], -1])[:, None]
    exact = (ids[:, :, None] == truth[asked][:, None, :]).any(axis=2)
    return Judged(
        recall=(near & known & ~again).sum(axis=1) / k,
        strict_recall=(exact & known & ~again).sum(axis=1) / k,
        returned=(ids != NONE).sum(axis=1),
        duplicates=again.sum(axis=1),
    )
