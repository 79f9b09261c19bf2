"""A pyarrow Table of samples as numpy columns: integer stamps stay integers, nulls stay visible."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from aifbench.model.operation import CANCELLED, DROPPED, ERROR, OK, STEADY, TIMEOUT, UNFINISHED

Stamps = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

MISSING = int(np.iinfo(np.int64).min)
"""Stands for null in an integer column: no monotonic stamp is ever that."""

NS_PER_S = 1e9


@dataclass(frozen=True)
class Words:
    """A column of few different words: one code per row; -1 means null."""

    codes: npt.NDArray[np.int32]
    names: tuple[str, ...]

    def among(self, *wanted: str) -> Mask:
        """Which rows hold one of these words."""
        found = [code for code, name in enumerate(self.names) if name in wanted]
        return np.isin(self.codes, found)

    def counts(self, rows: Mask) -> dict[str, int]:
        """How often each word is in the chosen rows, most frequent first."""
        codes, numbers = np.unique(self.codes[rows], return_counts=True)
        found = [(self.names[code], int(n)) for code, n in zip(codes, numbers, strict=True) if code >= 0]
        return dict(sorted(found, key=lambda item: (-item[1], item[0])))

    def present(self, rows: Mask) -> list[str]:
        """The words that the chosen rows hold, sorted."""
        codes = np.unique(self.codes[rows])
        return sorted(self.names[code] for code in codes if code >= 0)


@dataclass(frozen=True)
class Lists:
    """A column of lists: row `i` holds `values[bounds[i]:bounds[i + 1]]`; a null list is empty."""

    bounds: npt.NDArray[np.int64]
    values: npt.NDArray[Any]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.bounds)

    @property
    def rows(self) -> Rows:
        """For each value the row that it belongs to."""
        return np.repeat(np.arange(len(self.bounds) - 1), self.lengths)


class Operations:
    """All rows of one trial."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.count = int(table.num_rows)

    def has(self, name: str) -> bool:
        return name in self.table.column_names

    def integers(self, name: str) -> Stamps:
        """The column, `MISSING` where it is null or does not exist."""
        if not self.has(name):
            return np.full(self.count, MISSING, np.int64)
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.table.column(name)
        if pa.types.is_null(column.type):
            return np.full(self.count, MISSING, np.int64)
        filled = pc.fill_null(column.cast(pa.int64()), pa.scalar(MISSING, pa.int64()))
        return np.asarray(filled.to_numpy(), np.int64)

    def floats(self, name: str) -> Floats:
        """The column as floats (truth values as 1 and 0), NaN where it is null or does not exist."""
        if not self.has(name):
            return np.full(self.count, np.nan)
        import pyarrow as pa

        column = self.table.column(name)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)

    def words(self, name: str) -> Words:
        """The column of strings; all null where it does not exist."""
        if not self.has(name):
            return Words(np.full(self.count, -1, np.int32), ())
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.table.column(name).cast(pa.string()).combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # what combining an empty column gives in some versions
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())
        encoded = column.dictionary_encode()
        codes = pc.fill_null(encoded.indices, pa.scalar(-1, encoded.indices.type)).to_numpy()
        return Words(np.asarray(codes, np.int32), tuple(str(name) for name in encoded.dictionary.to_pylist()))

    def text(self, name: str, row: int) -> str | None:
        """One cell of a column of strings; None where it is null or the column does not exist."""
        return self.table.column(name)[row].as_py() if self.has(name) else None

    def lists(self, name: str) -> Lists | None:
        """The column of lists of numbers; None where it does not exist or holds no list."""
        if not self.has(name):
            return None
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.table.column(name)
        if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
            return None
        lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0).to_numpy(), np.int64)
        values = pc.list_flatten(column)
        empty = pa.types.is_null(values.type)
        numbers = np.empty(0) if empty else np.asarray(values.to_numpy())
        return Lists(np.concatenate(([0], np.cumsum(lengths))), numbers)

    @cached_property
    def worker(self) -> Stamps:
        return self.integers("worker")

    @cached_property
    def seq(self) -> Stamps:
        return self.integers("seq")

    @cached_property
    def intended(self) -> Stamps:
        return self.integers("t_intended")

    @cached_property
    def start(self) -> Stamps:
        return self.integers("t_start")

    @cached_property
    def first(self) -> Stamps:
        return self.integers("t_first")

    @cached_property
    def last(self) -> Stamps:
        return self.integers("t_last")

    @cached_property
    def end(self) -> Stamps:
        return self.integers("t_end")

    @cached_property
    def status(self) -> Words:
        return self.words("status")

    @cached_property
    def operation(self) -> Words:
        return self.words("op")

    @cached_property
    def error_kind(self) -> Words:
        return self.words("error_kind")

    @cached_property
    def ok(self) -> Mask:
        return self.status.among(OK)

    @cached_property
    def failed(self) -> Mask:
        """Ended badly by the target's doing: error, time-out, or not ended when the drain time was over."""
        return self.status.among(ERROR, TIMEOUT, UNFINISHED)

    @cached_property
    def cancelled(self) -> Mask:
        return self.status.among(CANCELLED)

    @cached_property
    def dropped(self) -> Mask:
        return self.status.among(DROPPED)

    @cached_property
    def retried(self) -> Mask:
        """Retries: operations beyond the schedule that repeat the work of a failed one."""
        return np.asarray(self.integers("retry_of") != MISSING)

    @cached_property
    def steady(self) -> Mask:
        return self.words("phase").among(STEADY)

    @cached_property
    def started(self) -> Mask:
        return np.asarray(self.start != MISSING)

    def between(self, earlier: Stamps, later: Stamps) -> Stamps:
        """`later − earlier` in nanoseconds, `MISSING` where one of them is."""
        known = (earlier != MISSING) & (later != MISSING)
        return np.where(known, np.where(known, later, 0) - np.where(known, earlier, 0), MISSING)
