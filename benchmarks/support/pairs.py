"""Interleaved pairs (ours, reference, reference, ours, …) and their table."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median


def interleaved(
    pairs: int, ours: Callable[[], float], reference: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Rates of both, measured in turn so that a slow minute of the machine hits both."""
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(pairs):
        order = [(mine, ours), (theirs, reference)]
        for rates, measure in order if number % 2 == 0 else reversed(order):
            rates.append(measure())
    return mine, theirs


def line(title: str, mine: list[float], theirs: list[float], more: str = "") -> str:
    """Medians, the median of the ratios of pairs, and the range of those ratios."""
    ratios = sorted(a / b for a, b in zip(mine, theirs, strict=True))
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    return f"{title:<34}{median(mine):>12,.0f}{median(theirs):>12,.0f}{median(ratios):>8.2f}   {spread:<15}{more}"


def heading(ours: str, reference: str) -> str:
    return f"{'median of pairs, operations/s':<34}{ours:>12}{reference:>12}{'ratio':>8}   {'range of ratios':<15}"
