"""What share of its own ceiling a load asks of the generator, by the calibration of the machine that it ran on.

The busiest worker counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aifbench.metrics.columns import Floats
from aifbench.metrics.rates import offered
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.calibration import EVENTS, needed
from aifbench.model.result import Metric

NOT_CALIBRATED = "run aifbench calibrate"


@dataclass(frozen=True)
class GeneratorShare:
    """`value` is None for the reason `reason`; `text` says what was offered and what can be done."""

    value: float | None
    reason: str = ""
    text: str = ""


def generator_share(view: View) -> GeneratorShare:
    """Of the operations offered, and the events read, in the window."""
    transport, calibration = view.generator.transport, view.generator.calibration
    if not transport:
        return GeneratorShare(None, "this client has no calibration")
    if not calibration:
        return GeneratorShare(None, NOT_CALIBRATED)
    if not isinstance(view.window, Window):
        return GeneratorShare(None, view.window.reason)
    hosts = {str(report["host"]) for report in view.workers if report.get("host")}
    elsewhere = sorted(hosts - {calibration.get("host")})
    if elsewhere:
        return GeneratorShare(None, f"no calibration of {', '.join(elsewhere)}: {NOT_CALIBRATED} there")
    found = []
    requests, events = _per_worker(view)
    for sent, read in zip(requests / view.window.seconds, events / view.window.seconds, strict=True):
        share = needed(float(sent), float(read), transport, calibration)
        if share is None:
            return GeneratorShare(None, f"the calibration lacks {transport} or {EVENTS}: {NOT_CALIBRATED}")
        found.append(share)
    value = max(found, default=0.0)
    return GeneratorShare(value, text="offered {seen} of what this generator can do")


def _per_worker(view: View) -> tuple[Floats, Floats]:
    """Operations offered and events read in the window, for each worker."""
    operations = view.operations
    count = int(operations.worker.max(initial=0)) + 1
    worker = np.maximum(operations.worker, 0)
    requests = np.bincount(worker[offered(view)], minlength=count).astype(np.float64)
    events = np.zeros(count)
    lists = operations.lists("event_ns")
    if lists is not None and isinstance(view.window, Window) and len(lists.values):
        inside = view.window.holds(lists.values.astype(np.int64))
        events = np.bincount(worker[lists.rows[inside]], minlength=count).astype(np.float64)
    return requests, events


def share_metric(found: GeneratorShare) -> Metric:
    return Metric("generator_share", "share", found.value, reason=found.reason)
