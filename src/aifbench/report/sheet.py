"""A table as data: what HTML, Markdown and the terminal all draw from, so that they cannot disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "ok", "warn", "bad", "muted"]


@dataclass(frozen=True)
class Cell:
    """`sort` is what a click on the column's head sorts by (the text when None); `note` is a second, smaller line."""

    text: str
    sort: float | None = None
    note: str = ""
    title: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Column:
    """`metric` is the metric's name where the column shows one: HTML links it to its definition."""

    head: str
    unit: str = ""
    numeric: bool = False
    title: str = ""
    metric: str = ""


@dataclass(frozen=True)
class Sheet:
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def text(value: object, *, tone: Tone = "", note: str = "") -> Cell:
    return Cell(str(value), tone=tone, note=note)


def whole(value: int | float | None, reason: str = "not counted") -> Cell:
    """A count, grouped in thousands by a narrow space."""
    if value is None:
        return absent(reason)
    return Cell(f"{value:,.0f}".replace(",", "\u202f"), sort=float(value))


def absent(reason: str) -> Cell:
    """A number that could not be measured: never 0, always with the reason."""
    return Cell(f"n/a ({reason})" if reason else "n/a (no reason given)", tone="muted")
