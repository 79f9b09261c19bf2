"""Starts as they were recorded: a file of arrivals, cut, sped up, and repeated when asked.

The cut begins at T0, so the first arrival is as late after T0 as it was after the cut. A repeated trace begins again
after its length, which is the cut's end, or one mean gap after the last arrival.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from aifbench.errors import LoadError
from aifbench.load.arrival.base import Arrival, Lengths, WrongShape
from aifbench.load.arrival.trace_file import LAYOUTS, Format, Layout, Recording, TraceError, Unit, read
from aifbench.model.load import Load
from aifbench.model.options import Duration, Number, Options, Sweep

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts

LONGEST_GAP_S = 3600.0
"""A longer silence inside a load (after the speed-up) is taken for a mistake in the file: nights, days, a lost unit."""
LONGEST_TRACE_S = 366 * 86400.0


class TraceKeys(Options):
    file: str = Field(
        min_length=1, description="The recorded arrivals; a relative path counts from the recipe's folder."
    )
    format: Format = Field(
        "csv",
        description="How the file is read; `azure-llm`, `burstgpt` and `mooncake` are published layouts, read as they "
        "are.",
    )
    column: str = Field("timestamp", description="The column that holds the times (csv, jsonl, parquet).")
    unit: Unit = Field("s", description="What its numbers count (csv, jsonl, parquet).")
    input_column: str | None = Field(None, description="The column of input tokens (csv, jsonl, parquet).")
    output_column: str | None = Field(None, description="The column of output tokens (csv, jsonl, parquet).")
    speedup: Sweep[Annotated[Number, Field(gt=0, le=1e9)]] = Field(
        1.0, description="2 offers the trace in half its time."
    )
    start: Duration = Field(0.0, description="Cut: begin so long after the first arrival, in the trace's own time.")
    end: Duration | None = Field(None, description="Cut: end so long after the first arrival, in the trace's own time.")
    loop: bool = Field(default=False, description="Begin again at the end, as long as the load takes.")
    longest_gap: Duration = Field(
        LONGEST_GAP_S, description="A gap between two arrivals above this (after the speed-up) is refused."
    )


@dataclass(frozen=True)
class _Cut:
    """Starts of one pass and its length, after the speed-up; `first` counts the rows before the cut."""

    starts_ns: Starts
    length_ns: int
    first: int


def layout_of(shape: Mapping[str, Any]) -> Layout:
    known = LAYOUTS.get(shape.get("format", "csv"))
    if known is not None:
        return known
    return Layout(
        shape.get("format", "csv"),
        shape.get("column", "timestamp"),
        shape.get("unit", "s"),
        shape.get("input_column"),
        shape.get("output_column"),
    )


def _cut(recording: Recording, shape: Mapping[str, Any]) -> _Cut:
    """Raises WrongShape."""
    import numpy as np

    speedup = float(shape.get("speedup", 1.0))
    begin_ns = round(float(shape.get("start", 0.0)) * 1e9)
    end_s = shape.get("end")
    times = recording.times_ns
    last = len(times) if end_s is None else int(np.searchsorted(times, round(float(end_s) * 1e9), side="left"))
    first = int(np.searchsorted(times, begin_ns, side="left"))
    if end_s is not None and float(end_s) * 1e9 <= begin_ns:
        raise WrongShape("end", f"the cut ends at {float(end_s):g} s, not after its start")
    if first >= last:
        span = f"{times[-1] / 1e9:g} s"
        raise WrongShape("start", f"the cut holds no arrival: the trace has {len(times):,} within {span}")
    inside = times[first:last] - begin_ns
    if end_s is not None:
        length = float(end_s) * 1e9 - begin_ns
    else:
        length = float(inside[-1]) + (float(inside[-1] - inside[0]) / (len(inside) - 1) if len(inside) > 1 else 0.0)
    length_ns = round(length / speedup)
    if length_ns <= 0 or (end_s is None and inside[-1] == inside[0]):
        raise WrongShape("file", "all arrivals are at one time: the trace has no length", "give its length with end")
    starts = np.minimum(np.floor(inside / speedup).astype(np.int64), length_ns - 1)
    return _Cut(starts, length_ns, first)


def _repeats(load: Load, cut: _Cut) -> int:
    return math.ceil(load.length_s * 1e9 / cut.length_ns) if load.shape.get("loop") else 1


class Trace(Arrival):
    recipe_keys: ClassVar[type[Options]] = TraceKeys
    summary: ClassVar[str] = "open loop, recorded starts from a file; published LLM traces are read as they are"
    needs_rate: ClassVar[bool] = False

    def starts_ns(self, load: Load, seed: int) -> Starts:
        """The seed changes nothing: a recording is not random. Raises LoadError when the file has changed."""
        import numpy as np

        cut = _cut(_planned(load), load.shape)
        passes = np.arange(_repeats(load, cut), dtype=np.int64) * cut.length_ns
        starts = (passes[:, None] + cut.starts_ns[None, :]).ravel()
        return starts[: int(np.searchsorted(starts, round(load.length_s * 1e9), side="left"))]

    def lengths(self, load: Load, seed: int) -> Lengths | None:
        """Aligned with `starts_ns`; None when the file has no columns of lengths."""
        import numpy as np

        recording = _planned(load)
        if recording.input_tokens is None or recording.output_tokens is None:
            return None
        cut = _cut(recording, load.shape)
        rows = slice(cut.first, cut.first + len(cut.starts_ns))
        count = len(self.starts_ns(load, seed))
        repeats = _repeats(load, cut)
        return Lengths(
            np.tile(recording.input_tokens[rows], repeats)[:count],
            np.tile(recording.output_tokens[rows], repeats)[:count],
        )

    def resolved(self, load: Load, given: frozenset[str], folder: str) -> Load:
        """With the absolute path and the hash of the file, and the length of the trace where the recipe has none."""
        path = str(Path(folder, load.shape["file"]).resolve())
        try:
            recording = read(path, layout_of(load.shape))
        except TraceError as error:
            raise WrongShape("file", f"{error.where}: {error.message}", error.hint) from error
        shape = {**load.shape, "file": path, "sha256": recording.sha256}
        cut = _cut(recording, shape)
        made = _with_length(replace(load, shape=shape), given, cut)
        starts = self.starts_ns(made, 0)
        _check_gaps(starts, float(load.shape.get("longest_gap", LONGEST_GAP_S)))
        begin, end = round(made.warmup_s * 1e9), round(made.steady_end_s * 1e9)
        measured = int(((starts >= begin) & (starts < end)).sum())
        if measured == 0:
            raise WrongShape("file", "no arrival lies in the measured part of the load")
        return replace(made, rate_per_s=measured / made.duration_s)


def _planned(load: Load) -> Recording:
    path = str(load.shape["file"])
    recording = read(path, layout_of(load.shape))
    expected = load.shape.get("sha256", recording.sha256)
    if recording.sha256 != expected:
        raise LoadError(
            f"the file was changed: its hash is {recording.sha256[:16]}…, the plan says {str(expected)[:16]}…",
            where=path,
            hint="run the recipe again, which makes a new plan",
        )
    return recording


def _with_length(load: Load, given: frozenset[str], cut: _Cut) -> Load:
    """Warm-up, measured part and cool-down within the trace, or over its repetitions."""
    natural_s = cut.length_ns / 1e9
    loop = bool(load.shape.get("loop"))
    made = load if "warmup" in given else replace(load, warmup_s=0.0)
    around = made.warmup_s + made.cooldown_s
    if made.operations is not None and "duration" not in given:
        passes = math.ceil(made.operations / len(cut.starts_ns))
        if passes > 1 and not loop:
            message = f"the trace has {len(cut.starts_ns):,} arrivals, fewer than {made.operations:,}"
            raise WrongShape("operations", message, "loop: true begins again at its end")
        natural_s *= passes
    if "duration" not in given:
        if natural_s <= around:
            raise WrongShape("file", f"the trace takes {natural_s:g} s, not longer than warm-up and cool-down")
        made = replace(made, duration_s=natural_s - around)
    elif made.length_s > natural_s * (1 + 1e-9) and not loop:
        message = f"the load takes {made.length_s:g} s, but the trace only {natural_s:g} s"
        raise WrongShape("duration", message, "leave duration out, or set loop: true")
    if made.length_s > LONGEST_TRACE_S:
        message = f"the load takes {made.length_s / 86400:,.0f} days"
        raise WrongShape("file", message, "see load.unit, cut with start and end, or raise speedup")
    return made


def _check_gaps(starts: Starts, longest_s: float) -> None:
    import numpy as np

    if len(starts) < 2:
        return
    gaps = np.diff(starts)
    widest = int(gaps.argmax())
    if gaps[widest] > longest_s * 1e9:
        message = (
            f"a gap of {gaps[widest] / 3.6e12:,.1f} h after arrival {widest + 1:,}, expected at most {longest_s:g} s"
        )
        raise WrongShape("file", message, "cut it out with start and end, raise speedup, or raise longest_gap")
