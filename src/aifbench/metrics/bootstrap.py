"""Intervals over trials. The trial is the unit of comparison: with fewer than three there is no interval.

Value: the median of the trials. Interval: percentile bootstrap, hierarchical where samples are at hand: trials are
drawn with replacement, then time blocks inside each (neighbouring operations depend on each other, blocks of them far
less), the statistic is taken of each draw and the median over the drawn trials of it. Numbers that are one per trial
(rates) are drawn by trial alone. Seeded by the metric's name, so that equal samples give equal intervals.
Davison and Hinkley, Bootstrap Methods and their Application (1997), sections 2.4 and 3.8.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from aifbench.metrics.columns import Floats, Rows
from aifbench.metrics.percentile import quantile_of, rank
from aifbench.model.result import Metric

FEWEST_TRIALS = 3
REPETITIONS = 400
BLOCKS = 20
SUPPORT = 512
"""Distinct values kept of a distribution; above that they are thinned out, least in the tail."""


@dataclass(frozen=True)
class Blocks:
    """A distribution of one trial cut into time blocks: `counts[b, i]` values near `support[i]` in block `b`.

    `sums[b]` is the exact sum of block `b`; support and sums are in the declared unit.
    `thinned`: not every distinct value is in the support; a value counts at the next greater one that is.
    """

    support: Floats
    counts: Floats
    sums: Floats
    thinned: bool = False


def cut(values: Any, when_ns: Rows, per_unit: float) -> Blocks | None:
    """Into 20 blocks of equal time; None without values."""
    if len(values) == 0:
        return None
    span = int(when_ns.max()) - int(when_ns.min()) + 1
    block = ((when_ns - int(when_ns.min())) * BLOCKS // span).astype(np.int64)
    distinct = np.unique(values)
    support = _support(distinct)
    index = np.minimum(np.searchsorted(support, values), len(support) - 1)
    counts = np.bincount(block * len(support) + index, minlength=BLOCKS * len(support))
    sums = np.bincount(block, np.asarray(values, np.float64), minlength=BLOCKS)
    kept = counts.reshape(BLOCKS, len(support)).astype(np.float64)
    used = kept.sum(axis=1) > 0
    return Blocks(support / per_unit, kept[used], sums[used] / per_unit, len(support) < len(distinct))


def _support(distinct: Any) -> Floats:
    """At most `SUPPORT` of the sorted distinct values: half of them evenly, half ever denser towards the greatest."""
    if len(distinct) <= SUPPORT:
        return np.asarray(distinct, np.float64)
    last = len(distinct) - 1
    even = np.linspace(0, last, SUPPORT // 2)
    tail = last - np.geomspace(1, last, SUPPORT // 2 - 1)
    chosen = np.unique(np.concatenate((even, tail, [last])).round().astype(np.int64))
    return np.asarray(distinct[chosen], np.float64)


def over_trials(
    name: str, unit: str, trials: Sequence[Metric], blocks: Mapping[str, Sequence[Blocks | None]] | None = None
) -> Metric:
    """The metric of a load point from that of its trials.

    Not given when fewer than half of the trials have it: it would stand beside numbers that are of other trials.
    `blocks` maps the name of a distribution (`ttft`) to its blocks in each of the trials.
    """
    known = [index for index, metric in enumerate(trials) if metric.value is not None]
    values = [float(trials[index].value or 0.0) for index in known]
    if not values:
        reasons = list(dict.fromkeys(metric.reason for metric in trials if metric.reason))
        return Metric(name, unit, None, n=0, reason="; ".join(reasons) or "no trial finished")
    notes = []
    if len(values) < len(trials):
        lacking = next(metric.reason for metric in trials if metric.value is None)
        if 2 * len(values) < len(trials):
            return Metric(name, unit, None, n=len(values), reason=f"{len(values)} of {len(trials)} trials: {lacking}")
        notes.append(f"n/a in {len(trials) - len(values)} of {len(trials)} trials: {lacking}")
    if len(values) < FEWEST_TRIALS:
        word = "trial" if len(values) == 1 else "trials"
        notes.append(f"no interval: {len(values)} {word}, {FEWEST_TRIALS} needed")
        return Metric(name, unit, median(values), n=len(values), reason="; ".join(notes))
    low, high = _interval(name, values, [_chosen(blocks, name, index) for index in known])
    return Metric(name, unit, median(values), low, high, len(values), "; ".join(notes))


def _chosen(blocks: Mapping[str, Sequence[Blocks | None]] | None, name: str, index: int) -> Blocks | None:
    spread, _, statistic = name.rpartition("_")
    if blocks is None or spread not in blocks or (statistic != "mean" and quantile_of(statistic) is None):
        return None
    return blocks[spread][index]


def _interval(name: str, values: Sequence[float], blocks: Sequence[Blocks | None]) -> tuple[float, float]:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    trials = len(values)
    picks = random.integers(0, trials, (REPETITIONS, trials))
    whole = [item for item in blocks if item is not None]
    if len(whole) < trials:
        drawn = np.asarray(values)[picks]
    else:
        q = quantile_of(name.rpartition("_")[2])
        # For each place and trial a redraw of its own: what a repetition picks twice is not the same draw twice.
        redraws = np.stack([[_redraw(item, q, random) for item in whole] for _ in range(trials)])
        drawn = redraws[np.arange(trials)[None, :], picks, np.arange(REPETITIONS)[:, None]]
    medians = np.median(drawn, axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(low), float(high)


def _redraw(item: Blocks, q: float | None, random: np.random.Generator) -> Floats:
    """`REPETITIONS` values of the statistic (mean where `q` is None), each from blocks drawn with replacement."""
    count = len(item.sums)
    weights = random.multinomial(count, [1 / count] * count, REPETITIONS).astype(np.float64)
    totals = weights @ item.counts.sum(axis=1)
    if q is None:
        return np.asarray(weights @ item.sums / totals)
    cumulative = np.cumsum(weights @ item.counts, axis=1)
    wanted = np.array([rank(int(total), q) for total in totals], np.float64)
    index = (cumulative < wanted[:, None]).sum(axis=1)
    value = item.support[index]
    if not item.thinned:
        return np.asarray(value)
    # Between two kept values the others are taken as evenly spread, or the quantile would be too great.
    every = np.arange(REPETITIONS)
    before = np.where(index > 0, cumulative[every, index - 1], 0.0)
    part = (wanted - before) / (cumulative[every, index] - before)
    lower = item.support[np.maximum(index - 1, 0)]
    return np.asarray(lower + part * (value - lower))
