"""Recall and its companions, made from the kept answers after the load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aifbench.model.operation import OK, Operation

if TYPE_CHECKING:
    from aifbench.workloads.vector.data import DataSet

KIND = "search"
BAD_ANSWER = "bad-answer"

ReadIds = Callable[[Operation], list[int]]
"""The ids in an operation's answer, nearest first. Raises ValueError when the answer is something else."""


def query_of(seq: int, queries: int) -> int:
    """Queries are asked in turn, so that every trial asks each equally often."""
    return seq % queries


def columns(
    operations: Sequence[Operation], data: DataSet, k: int, metric: str, read_ids: ReadIds
) -> Mapping[str, Sequence[Any]]:
    """Columns recall, strict_recall, returned, duplicates, query; None for an operation that did not succeed.

    An answer that cannot be read turns its operation into error `bad-answer`.
    """
    import numpy as np

    from aifbench.workloads.vector.recall import NONE, judge

    good: list[int] = []
    rows: list[list[int]] = []
    returned: list[int] = []
    for place, operation in enumerate(operations):
        if operation.status != OK:
            continue
        try:
            ids = read_ids(operation)
        except ValueError as error:
            operation.fail(BAD_ANSWER, str(error))
            continue
        good.append(place)
        returned.append(len(ids))
        rows.append([*ids[:k], *([NONE] * (k - len(ids)))])
    names = ("recall", "strict_recall", "returned", "duplicates")
    found: dict[str, list[Any]] = {name: [None] * len(operations) for name in names}
    asked = [query_of(operation.seq, len(data.queries)) for operation in operations]
    if good:
        chosen = np.array([asked[place] for place in good], dtype=np.int64)
        answers = np.array(rows, dtype=np.int64)
        judged = judge(answers, chosen, data.vectors, data.queries, data.truth, data.truth_distance, metric)
        values = (judged.recall.tolist(), judged.strict_recall.tolist(), returned, judged.duplicates.tolist())
        for name, column in zip(names, values, strict=True):
            for place, value in zip(good, column, strict=True):
                found[name][place] = value
    return {**found, "query": asked}
