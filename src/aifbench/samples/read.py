"""Parquet files of one trial → Samples. A file that cannot be read is named; the others are still used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aifbench.model.samples import Samples
from aifbench.samples.arrow import arrow
from aifbench.samples.schema import METADATA_KEY, SAMPLES_SCHEMA, arrow_schema


def read_trial(samples: Path | str, control: Path | str | None = None) -> Samples:
    """All workers of the trial whose Parquet files lie in `samples`; reports from `control` when it is given.

    A worker's metadata is its report where there is one, laid over what its Parquet file says.
    """
    pa = arrow()
    folder = Path(samples)
    tables: list[Any] = []
    workers: dict[int, dict[str, Any]] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("w*.parquet")):
        try:
            table, metadata = _read_file(path)
        except (OSError, ValueError, pa.ArrowException) as error:
            problems.append(f"{path}: cannot be read and is left out ({str(error).splitlines()[0]})")
            continue
        tables.append(table.replace_schema_metadata(None))
        workers[int(metadata.get("worker", len(workers)))] = metadata
    for report in sorted(Path(control).glob("report-*.json")) if control is not None else []:
        try:
            data = json.loads(report.read_text())
        except (OSError, ValueError) as error:
            problems.append(f"{report}: cannot be read ({error})")
            continue
        number = int(data["worker"])
        workers[number] = {**workers.get(number, {}), **data}
    table = pa.concat_tables(tables, promote_options="default") if tables else arrow_schema().empty_table()
    return Samples(table.unify_dictionaries(), tuple(workers[number] for number in sorted(workers)), tuple(problems))


def _read_file(path: Path) -> tuple[Any, dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read()
    raw = (table.schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise ValueError("not a samples file of aifbench")
    metadata = json.loads(raw)
    if metadata.get("schema", 0) > SAMPLES_SCHEMA:
        raise ValueError(f"has schema {metadata['schema']}, this version reads up to {SAMPLES_SCHEMA}")
    return table, metadata
