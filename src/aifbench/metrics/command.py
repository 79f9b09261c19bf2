"""Any command, executed many times: exit codes, durations, and the numbers that it printed.

Columns read: `exit_code`, and `value.<name>` for each number printed. Executions are few, so mean and standard
deviation stand beside percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aifbench.metrics.columns import MISSING, NS_PER_S
from aifbench.metrics.declare import VALUE_PREFIX, VALUE_STATISTICS
from aifbench.metrics.family import Family
from aifbench.metrics.spread import NOTHING_SUCCEEDED, Values, mean
from aifbench.metrics.tables import Spread
from aifbench.metrics.view import View
from aifbench.model.result import Metric


class Command(Family):
    generator_is_target = True

    def values(self, view: View) -> Sequence[Values]:
        return printed_values(view)

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        return [_nonzero_exits(view), *_durations(view)]

    def series(self, view: View) -> Mapping[str, Any]:
        """`exit_codes`: {code: count}, all phases."""
        codes = view.operations.integers("exit_code")
        found, counts = np.unique(codes[codes != MISSING], return_counts=True)
        return {"exit_codes": {str(code): int(count) for code, count in zip(found, counts, strict=True)}}


def printed_values(view: View, further: Sequence[str] = ()) -> list[Values]:
    """One distribution per `value.<name>` column and per `further` one (as `value.<name>`), over successes."""
    operations = view.operations
    found = []
    for name in sorted(operations.table.column_names):
        if not name.startswith(VALUE_PREFIX) and name not in further:
            continue
        full = VALUE_PREFIX + name.removeprefix(VALUE_PREFIX)
        column = np.where(operations.ok, operations.floats(name), np.nan)
        rows = np.flatnonzero(np.isfinite(column))
        declared = Spread(
            full, "", "neither", "number printed by the measured program", "the measured program", VALUE_STATISTICS
        )
        found.append(Values(declared, column[rows], rows, 1.0, "no successful execution printed it"))
    return found


def _nonzero_exits(view: View) -> Metric:
    codes = view.operations.integers("exit_code")
    known = codes[(codes != MISSING) & view.operations.steady]
    if len(known) == 0:
        return Metric("nonzero_exits", "count", None, reason="no execution in the steady phase told an exit code")
    return Metric("nonzero_exits", "count", float((known != 0).sum()), n=len(known))


def _durations(view: View) -> list[Metric]:
    operations = view.operations
    service = operations.between(operations.start, operations.end)[operations.ok & operations.steady]
    n = len(service)
    if n == 0:
        return [Metric(f"duration_{word}", "s", None, reason=NOTHING_SUCCEEDED) for word in ("mean", "sd")]
    average = mean(service)
    squares = math.fsum((float(value) - average) ** 2 for value in service)
    deviation = math.sqrt(squares / (n - 1)) / NS_PER_S if n > 1 else None
    reason = "" if n > 1 else "n=1, 2 needed"
    return [
        Metric("duration_mean", "s", average / NS_PER_S, n=n),
        Metric("duration_sd", "s", deviation, n=n, reason=reason),
    ]
