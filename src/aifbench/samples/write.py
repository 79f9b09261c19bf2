"""Operations → one Parquet file per worker and trial."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aifbench.errors import StoreError
from aifbench.model.operation import Operation
from aifbench.samples.arrow import arrow
from aifbench.samples.schema import METADATA_KEY, TIME_COLUMNS, arrow_schema

_FIELD_OF_TIME = {"t_intended": "intended", "t_start": "start", "t_first": "first", "t_last": "last", "t_end": "end"}


def to_table(
    operations: Sequence[Operation],
    own_columns: Mapping[str, Sequence[Any]],
    constants: Mapping[str, Any],
    phase_of: Callable[[Operation], str],
    metadata: Mapping[str, Any],
) -> Any:
    """A pyarrow Table. `constants` gives run, point, trial and worker. A time of 0 becomes null."""
    pa = arrow()
    schema = arrow_schema()
    count = len(operations)

    def words(values: list[str | None]) -> Any:
        return pa.array(values, pa.string()).dictionary_encode()

    columns: dict[str, Any] = {}
    for name in ("run", "point"):
        columns[name] = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), [str(constants[name])])
    for name in ("trial", "worker"):
        columns[name] = pa.array([int(constants[name])] * count, pa.int32())
    columns["seq"] = pa.array([operation.number for operation in operations], pa.int64())
    columns["op"] = words([operation.kind for operation in operations])
    columns["phase"] = words([phase_of(operation) for operation in operations])
    for name in TIME_COLUMNS:
        field = _FIELD_OF_TIME[name]
        columns[name] = pa.array([getattr(operation, field) or None for operation in operations], pa.int64())
    columns["status"] = words([operation.status for operation in operations])
    columns["error_kind"] = words([operation.error or None for operation in operations])
    columns["note"] = pa.array([operation.note or None for operation in operations], pa.string())
    columns["bytes_out"] = pa.array([operation.bytes_out for operation in operations], pa.int64())
    columns["bytes_in"] = pa.array([operation.bytes_in for operation in operations], pa.int64())
    columns["retry_of"] = pa.array([operation.retry_of for operation in operations], pa.int64())
    table = pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema)
    for name, values in own_columns.items():
        if len(values) != count:
            raise ValueError(f"column {name} has {len(values)} values for {count} operations")
        table = table.append_column(name, pa.array(values))
    return table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata).encode()})


def refused(error: OSError, path: Path | str, what: str) -> StoreError:
    """What a process of a trial says when the file system does not take a file."""
    return StoreError(
        f"{what} could not be written: {error.strerror or error}",
        where=str(path),
        hint="make room on that file system, or choose another with --runs",
    )


def write(table: Any, path: Path) -> None:
    """Write under a temporary name and rename. Raises StoreError (disk full, not writable)."""
    import pyarrow.parquet as pq

    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, partial, compression="zstd")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise refused(error, path, "samples") from error
