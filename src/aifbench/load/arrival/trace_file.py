"""Recorded arrivals in files: CSV, JSON lines, Parquet, and the layouts of published traces, read as they are.

- `azure-llm`: TIMESTAMP, ContextTokens, GeneratedTokens; wall-clock times with up to 7 digits of a second
  (Patel et al.: Splitwise, ISCA 2024; github.com/Azure/AzurePublicDataset).
- `burstgpt`: Timestamp (seconds), Request tokens, Response tokens (Wang et al.: BurstGPT, arXiv 2401.17644).
- `mooncake`: JSON lines of timestamp (ms), input_length, output_length (Qin et al.: Mooncake, arXiv 2407.00079).

Nothing here is repaired: what is not sorted, not a number or before its beginning is an error with its row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aifbench.errors import LoadError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]

Format = Literal["csv", "jsonl", "parquet", "azure-llm", "burstgpt", "mooncake"]
Unit = Literal["s", "ms", "us", "ns", "datetime"]

MAX_ROWS = 100_000_000
_NS: dict[str, float] = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}


@dataclass(frozen=True)
class Layout:
    """How a file is read: `file_format` csv, jsonl or parquet; columns by name, lengths may be absent."""

    file_format: str
    column: str
    unit: str
    input_column: str | None
    output_column: str | None


LAYOUTS: dict[str, Layout] = {
    "azure-llm": Layout("csv", "TIMESTAMP", "datetime", "ContextTokens", "GeneratedTokens"),
    "burstgpt": Layout("csv", "Timestamp", "s", "Request tokens", "Response tokens"),
    "mooncake": Layout("jsonl", "timestamp", "ms", "input_length", "output_length"),
}


@dataclass(frozen=True)
class Recording:
    """Arrivals in nanoseconds after the first one, sorted; lengths in tokens where the file has them."""

    sha256: str
    times_ns: Integers
    input_tokens: Integers | None
    output_tokens: Integers | None


class TraceError(LoadError):
    """A trace that cannot be used as it is."""


def read(path: str, layout: Layout) -> Recording:
    """Raises TraceError with the file and, where one is to blame, its row (the first row of data is 1)."""
    file = Path(path)
    try:
        status = file.stat()
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror or error}", where=path) from error
    return _read(path, layout, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _read(path: str, layout: Layout, _changed_ns: int, _size: int) -> Recording:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror or error}", where=path) from error
    names = [name for name in (layout.column, layout.input_column, layout.output_column) if name is not None]
    columns = _columns(path, data, layout.file_format, names)
    rows = len(columns[layout.column])
    if rows == 0:
        raise TraceError("has no rows, expected at least one arrival", where=path)
    if rows > MAX_ROWS:
        raise TraceError(f"has {rows:,} rows, expected at most {MAX_ROWS:,}", where=path)
    times = _times_ns(path, layout, columns[layout.column])
    lengths = [
        None if name is None else _lengths(path, name, columns[name])
        for name in (layout.input_column, layout.output_column)
    ]
    return Recording(hashlib.sha256(data).hexdigest(), times, lengths[0], lengths[1])


def _columns(path: str, data: bytes, file_format: str, names: Sequence[str]) -> dict[str, list[Any]]:
    """The named columns; every value still as the file has it (CSV: text)."""
    if not data.strip():
        raise TraceError("is empty, expected at least one arrival", where=path)
    if file_format == "jsonl":
        return _from_json_lines(path, data, names)
    import pyarrow as pa

    try:
        table = _csv(data) if file_format == "csv" else _parquet(data)
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise TraceError(f"is not {file_format}: {first}", where=path, hint="see load.format") from error
    missing = [name for name in names if name not in table.column_names]
    if missing:
        known = ", ".join(table.column_names[:20])
        raise TraceError(
            f"has no column {missing[0]!r}; it has: {known}",
            where=path,
            hint="name the columns in the load, or its format",
        )
    return {name: table.column(name).to_pylist() for name in names}


def _csv(data: bytes) -> Any:
    """All columns as text, so that a value that is no number can be shown with its row."""
    import io

    import pyarrow as pa
    from pyarrow import csv

    names = csv.open_csv(io.BytesIO(data)).schema.names
    text = {name: pa.string() for name in names}
    return csv.read_csv(io.BytesIO(data), convert_options=csv.ConvertOptions(column_types=text, null_values=[]))


def _parquet(data: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(data))


def _from_json_lines(path: str, data: bytes, names: Sequence[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in names}
    for row, line in enumerate((line for line in data.splitlines() if line.strip()), 1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise TraceError(f"row {row} is not JSON: {error}", where=path) from error
        for name in names:
            if not isinstance(entry, dict) or name not in entry:
                known = ", ".join(list(entry)[:20]) if isinstance(entry, dict) else "no keys"
                raise TraceError(f"row {row} has no {name!r}; it has: {known}", where=path)
            found[name].append(entry[name])
    return found


def _times_ns(path: str, layout: Layout, values: Sequence[Any]) -> Integers:
    import numpy as np

    if layout.unit == "datetime":
        times = _instants_ns(path, layout.column, values)
    else:
        numbers = _numbers(path, layout.column, values)
        negative = np.flatnonzero(numbers < 0)
        if len(negative):
            row = int(negative[0])
            raise TraceError(f"row {row + 1}: {layout.column} is {values[row]}, expected 0 or more", where=path)
        # The first time is taken off before the conversion, so that large epochs keep their microseconds.
        times = np.round((numbers - numbers[0]) * _NS[layout.unit]).astype(np.int64)
    backwards = np.flatnonzero(np.diff(times) < 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        raise TraceError(
            f"row {row + 1}: {layout.column} is {values[row]}, before {values[row - 1]} of the row above",
            where=path,
            hint="sort the file by time",
        )
    return np.asarray(times - times[0], np.int64)


def _numbers(path: str, column: str, values: Sequence[Any]) -> npt.NDArray[np.float64]:
    import numpy as np

    try:
        if any(isinstance(value, bool) for value in values):
            raise ValueError
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        row = next(row for row, value in enumerate(values) if not _is_number(value))
        raise _not_a_number(path, column, row, values[row]) from None
    unknown = np.flatnonzero(~np.isfinite(numbers))
    if len(unknown):
        raise _not_a_number(path, column, int(unknown[0]), values[int(unknown[0])])
    return numbers


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _not_a_number(path: str, column: str, row: int, value: Any) -> TraceError:
    shown = "empty" if value in (None, "") else repr(value)[:60]
    return TraceError(
        f"row {row + 1}: {column} is {shown}, expected a number",
        where=path,
        hint="unit: datetime reads times such as 2023-11-16 18:15:46.68" if isinstance(value, str) and value else "",
    )


def _instants_ns(path: str, column: str, values: Sequence[Any]) -> Integers:
    """Wall-clock times in ISO 8601, all in one time zone; an offset at the end is left out."""
    import numpy as np

    plain = [_without_zone(str(value)) for value in values]
    try:
        found = np.array(plain, dtype="datetime64[ns]")
    except ValueError:
        row = next(row for row, text in enumerate(plain) if not _is_instant(text))
        raise TraceError(
            f"row {row + 1}: {column} is {str(values[row])[:60]!r}, expected a time such as 2023-11-16 18:15:46.68",
            where=path,
        ) from None
    unknown = np.flatnonzero(np.isnat(found))
    if len(unknown):
        raise TraceError(f"row {int(unknown[0]) + 1}: {column} is empty, expected a time", where=path)
    return found.astype(np.int64)


def _without_zone(text: str) -> str:
    if text.endswith("Z"):
        return text[:-1]
    return text[:-6] if len(text) > 19 and text[-6] in "+-" and text[-3] == ":" else text


def _is_instant(text: str) -> bool:
    import numpy as np

    try:
        np.datetime64(text, "ns")
    except ValueError:
        return False
    return True


def _lengths(path: str, column: str, values: Sequence[Any]) -> Integers:
    """Tokens, at least 1 each: a request of no tokens cannot be sent, an answer of none cannot be asked for."""
    import numpy as np

    numbers = _numbers(path, column, values)
    wrong = np.flatnonzero((numbers < 0) | (numbers != np.floor(numbers)) | (numbers > 1e9))
    if len(wrong):
        row = int(wrong[0])
        raise TraceError(f"row {row + 1}: {column} is {values[row]}, expected a number of tokens", where=path)
    return np.maximum(numbers.astype(np.int64), 1)
