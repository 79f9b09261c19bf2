"""result.json and metrics.json: written by whoever evaluated, read by whoever shows."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from aifbench.errors import StoreError
from aifbench.model.codec import from_data, to_data
from aifbench.model.result import RunResult
from aifbench.store.files import read_json
from aifbench.store.folder import RunFolder


def store_result(folder: RunFolder, result: RunResult) -> None:
    """Both files; result.json last, so that where it is the other is too. Raises StoreError."""
    data: dict[str, Any] = to_data(result)
    folder.write_json(folder.metrics, metrics_only(data))
    folder.write_json(folder.result, data)


def load_result(folder: RunFolder) -> RunResult:
    """Raises StoreError when there is none or it is damaged."""
    try:
        return from_data(RunResult, read_json(folder.result))
    except ValidationError as error:
        raise StoreError(f"not a result: {error.errors()[0]['msg']}", where=str(folder.result)) from error


def metrics_only(data: dict[str, Any]) -> dict[str, Any]:
    """The part of a result that is one line per number: run, load points, their metrics; no series, no provenance."""
    return {
        "schema": data["schema"],
        "run": data["run"],
        "points": [
            {
                **{key: point[key] for key in ("point", "workload", "target", "varied", "validity", "metrics", "slo")},
                "trials": [
                    {key: trial[key] for key in ("trial", "validity", "metrics", "counts")} for trial in point["trials"]
                ],
            }
            for point in data["points"]
        ],
    }
