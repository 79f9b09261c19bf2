"""Interleaved pairs (ours, reference, reference, ours, …) and their table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Measured:
    """One side of one pair. `cpu_us` is the generator's CPU time per operation in microseconds."""

    rate_per_s: float
    cpu_us: float


Measure = Callable[[], Measured]


def interleaved(pairs: int, ours: Measure, reference: Measure) -> tuple[list[Measured], list[Measured]]:
    """Both sides measured in turn, so that a slow minute of the machine hits both."""
    mine: list[Measured] = []
    theirs: list[Measured] = []
    for number in range(pairs):
        order = [(mine, ours), (theirs, reference)]
        for found, measure in order if number % 2 == 0 else reversed(order):
            found.append(measure())
    return mine, theirs


def heading(ours: str, reference: str) -> str:
    columns = f"{ours:>12}{reference:>12}{'ratio':>8}   {'of pairs':<15}{'CPU µs per operation':<24}"
    return f"{'operations/s, medians':<36}{columns}"


def line(title: str, mine: list[Measured], theirs: list[Measured]) -> str:
    """Medians of both, the median of the ratios of pairs and their range, and medians of CPU time."""
    ratios = sorted(a.rate_per_s / b.rate_per_s for a, b in zip(mine, theirs, strict=True))
    rates = [median(one.rate_per_s for one in side) for side in (mine, theirs)]
    cpu = [median(one.cpu_us for one in side) for side in (mine, theirs)]
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    columns = f"{rates[0]:>12,.0f}{rates[1]:>12,.0f}{median(ratios):>8.2f}   {spread:<15}{cpu[0]:.1f} and {cpu[1]:.1f}"
    return f"{title:<36}{columns}"
