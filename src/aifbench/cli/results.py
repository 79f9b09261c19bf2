"""Results of runs, as the commands that show them read and write them."""

from __future__ import annotations

from collections.abc import Iterable

from aifbench.errors import StoreError
from aifbench.model.plan import Plan
from aifbench.model.result import RESULT_SCHEMA, RunResult
from aifbench.report.formats import Written, write_all
from aifbench.store.files import read_json, read_text, write_atomic
from aifbench.store.folder import RunFolder


def read_result(folder: RunFolder) -> RunResult:
    """Raises StoreError: no result yet, damaged, or of a newer schema."""
    from pydantic import ValidationError

    from aifbench.model.codec import from_data

    if not folder.result.is_file():
        hint = f"aifbench status {folder.id} says how far it is; aifbench resume {folder.id} goes on with it"
        raise StoreError("this run has no result yet", where=str(folder.path), hint=hint)
    data = read_json(folder.result)
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > RESULT_SCHEMA:
        raise StoreError(
            f"result schema {schema} was written by a newer aifbench; this one reads up to {RESULT_SCHEMA}",
            where=str(folder.result),
            hint="pip install --upgrade aifbench",
        )
    try:
        return from_data(RunResult, data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"not a result: {place}: {first['msg']}", where=str(folder.result)) from error


def recomputed(folder: RunFolder) -> RunResult:
    """The result made again from the stored samples, and stored. Raises StoreError, also of a run that is under way."""
    from aifbench.runner.evaluate import recompute
    from aifbench.runner.state import fold

    lock = folder.take_lock()
    try:
        state = fold(folder.read_journal().events)
        return recompute(folder, state.status if state.over else "interrupted")
    finally:
        lock.release()


def write_reports(folder: RunFolder, result: RunResult, plan: Plan, formats: Iterable[str]) -> list[Written]:
    """Into the run folder, under each format's usual name."""
    return write_all(folder.path, result, plan, read_text(folder.recipe), write_atomic, formats)
